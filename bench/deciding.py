"""One decision through all gates, without encoding, in books of several sizes: no services."""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from accounts.decide import DecisionContext, decide
from accounts.evolve import evolve
from accounts.limits import LARGE, Limits
from accounts.state import AccountState
from bench.results import Figure
from bench.story import START, advice, answers, context, opening
from brokers.simulated import SimulatedBroker, SimulationTerms
from events.decision import MarketSeen
from events.identifiers import AccountName, account_name
from events.order import OrderIntended
from events.recommendation import Action, InstrumentType, OptionQuote, RecommendationIssued

BOOKS: Final = (0, 100, 10_000)
_ACCOUNT: Final = account_name("bench")
_DECISIONS: Final = 100
"""Decided between two looks at the clock."""
_STATISTICS: Final[dict[str, Callable[[list[float]], float]]] = {"median": median, "best": min}
_HUGE: Final = Decimal(10) ** 12
_ROOMY: Final = replace(
    LARGE,
    max_open_positions=10**9,
    max_notional_exposure=_HUGE,
    max_daily_loss=_HUGE,
    max_daily_loss_share=Decimal(1),
    max_orders_per_minute=1_024,
    max_orders_per_day=10**9,
)
"""No limit binds, so that a full book's intent can be held against an empty one's."""
_FILLING: Final = replace(_ROOMY, disabled_gates=frozenset({"order_rate"}))
_FILLED_AT: Final = START - timedelta(minutes=10)
_MARKET: Final = MarketSeen(
    source="bench",
    observed_at=START,
    reference_price=Decimal("101.25"),
    bid=Decimal("101.24"),
    ask=Decimal("101.26"),
)


_CONTRACT: Final = OptionQuote(
    symbol="MSFT260402C00100000",
    strike=Decimal(100),
    expiry=date(2026, 4, 2),
    bid=Decimal("5.15"),
    ask=Decimal("5.25"),
    volume=1_000,
    open_interest=1_000,
)
_CONTRACT_MARKET: Final = replace(
    _MARKET, reference_price=Decimal("5.20"), bid=Decimal("5.15"), ask=Decimal("5.25")
)
_KINDS: Final = ("intent", "decline", "option")
"""An entry into a stock, advice that a gate declines, and an entry into a call: five gates more."""


@dataclass(frozen=True, slots=True)
class _Case:
    state: AccountState
    recommendation: RecommendationIssued
    market: MarketSeen
    context: DecisionContext

    def microseconds(self) -> float:
        """Return the processor time that one decision takes, over many."""
        state, asked, seen = self.state, self.recommendation, self.context
        market = self.market
        began = time.thread_time()
        for _ in range(_DECISIONS):
            decide(state, asked, market, _ROOMY, seen)
        return (time.thread_time() - began) / _DECISIONS * 1e6


def deciding(rounds: int) -> Iterator[Figure]:
    """Yield a decision's processor time in microseconds: median and best of `rounds`, in turn.

    The floor is the same decision in an empty book: what grows with the book shows as a ratio.
    """
    books = {count: book(count) for count in BOOKS}
    cases = {(kind, count): _case(books[count], count, kind) for count in BOOKS for kind in _KINDS}
    taken: dict[tuple[str, int], list[float]] = {name: [] for name in cases}
    gc.collect()
    gc.freeze()  # the books are not what is measured
    for _ in range(rounds):
        for name, case in cases.items():
            taken[name].append(case.microseconds())
    gc.unfreeze()
    for (kind, count), times in taken.items():
        empty = taken[kind, 0]
        for statistic, of in _STATISTICS.items():
            floor = of(empty) if count else None
            title = f"decide.{kind}.{_short(count)}.{statistic}"
            yield Figure(name=title, unit="us", value=of(times), floor=floor)


def book(count: int, limits: Limits = _FILLING, account: AccountName = _ACCOUNT) -> AccountState:
    """Return an account with `count` symbols held or ordered, half each, and `count` declines.

    All of it ten minutes ago, so that the rate of orders is what it would be.
    """
    state = evolve(AccountState(), replace(opening(account), starting_cash=_HUGE))
    broker = SimulatedBroker(account_number=f"sim-{account}", terms=SimulationTerms())
    for number in range(2 * count):
        asked = advice(number, _ticker(number), Action.BUY, _FILLED_AT, good=number < count)
        seen = replace(context(account, number, number), now=_FILLED_AT)
        answer = decide(state, asked, _MARKET, limits, seen)
        if answer is None or isinstance(answer, OrderIntended) != (number < count):
            raise RuntimeError("the book is not filled as it was meant")
        state = evolve(state, answer)
        if isinstance(answer, OrderIntended) and number % 2:
            for event in answers(account, state, answer, broker):
                state = evolve(state, event)
    return state


def _case(state: AccountState, count: int, kind: str) -> _Case:
    number = 2 * count
    asked, market = advice(number, "MSFT", Action.BUY, START, good=kind != "decline"), _MARKET
    if kind == "option":
        asked = replace(asked, instrument_type=InstrumentType.CALL, option=_CONTRACT, stop=None)
        market = _CONTRACT_MARKET
    case = _Case(state, asked, market, context(_ACCOUNT, number, number))
    answer = decide(state, asked, market, _ROOMY, case.context)
    if isinstance(answer, OrderIntended) is (kind == "decline"):
        raise RuntimeError(f"the case of {kind} is not answered as it was meant")
    return case


def _ticker(number: int) -> str:
    digits = (number // 26**place % 26 for place in range(4))
    return "T" + "".join(chr(ord("A") + digit) for digit in digits)


def _short(count: int) -> str:
    return f"{count // 1000}k" if count >= 1000 and count % 1000 == 0 else str(count)  # noqa: PLR2004 -- 10k reads better
