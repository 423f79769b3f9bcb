"""Made-up recommendations, and a log of what an account made of them, as long as one likes.

One cycle is four recommendations (bought, sold, two declined) and eight events; in every tenth the
third is bought as well, and cancelled unfilled: ten events. The first cycle of either kind is
decided and answered by the real code; the others are the same under other numbers.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from accounts.decide import DecisionContext, decide
from accounts.evolve import evolve
from accounts.limits import LARGE
from accounts.state import AccountState
from brokers.broker import OrderRequest, OrderStatus
from brokers.simulated import RecommendedMarket, SimulatedBroker, SimulationTerms
from consumers.dispatcher.facts import Reported
from consumers.dispatcher.outcomes import Writer, events_of
from events import roles
from events.account import AccountOpened
from events.author import Author
from events.catalog import LogEvent
from events.decision import OffsetsSeen
from events.envelope import Origin
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
from events.order import ExecutionMode, OrderIntended
from events.recommendation import Action, InstrumentType, RecommendationIssued, StrategyType
from events.topics import RECOMMENDATIONS

FIRST_ID: Final = 2_000_000
START: Final = datetime(2026, 3, 2, 15, tzinfo=UTC)
CYCLE: Final = 4
CANCELS_EVERY: Final = 10
CANCELED: Final = 2
"""Of a cycle that cancels, the recommendation whose order is."""

_RUN: Final = UUID(int=1)
_ANSWER_MS: Final = 13_000


def advice(
    number: int, ticker: str, action: Action, at: datetime, *, good: bool
) -> RecommendationIssued:
    """Return a recommendation that is followed if it is `good`, else declined by its confidence."""
    return RecommendationIssued(
        recommendation_id=FIRST_ID + number,
        run_id=_RUN,
        ticker=ticker,
        action=action,
        instrument_type=InstrumentType.STOCK,
        strategy_type=StrategyType.SWING_TRADE,
        confidence=Decimal("0.8" if good else "0.1"),
        issued_at=at,
        bar_at=at,
        features_at=at,
        reference_price=Decimal("101.25"),
        recent_volatility=Decimal("0.0175"),
        vix=Decimal("17.5"),
        stop=Decimal("97.5"),
        target=Decimal(110),
        reason="momentum of 20 days above its average",
        features_snapshot='{"close":101.25,"momentum_20":0.0312,"volume":1234567}',
    )


def cycle_of_advice(cycle: int = 0, *, followed: int = 2) -> list[RecommendationIssued]:
    """Return the four recommendations of a cycle, of which the first so many are followed."""
    sides = (Action.BUY, Action.SELL, Action.BUY, Action.SELL)
    return [
        advice(CYCLE * cycle + number, "MSFT", side, START, good=number < followed)
        for number, side in enumerate(sides)
    ]


def opening(account: AccountName) -> AccountOpened:
    """Return the first event of `account`'s log."""
    author = _author(account)
    return AccountOpened(
        envelope=author.about("account", roles.OPENED, occurred_at=START - timedelta(days=1)),
        mode=ExecutionMode.SIMULATED,
        broker_account_number=f"sim-{account}",
        starting_cash=Decimal(100_000),
        start_from="earliest",
        first_offset=0,
    )


def cycle_of_events(account: AccountName, *, cancels: bool = False) -> list[tuple[int, LogEvent]]:
    """Return the first cycle's events, each with the number of its recommendation in the cycle.

    Where it `cancels`, the third recommendation is followed too, and its order cancelled unfilled.
    """
    state = evolve(AccountState(), opening(account))
    broker = SimulatedBroker(account_number=f"sim-{account}", terms=SimulationTerms())
    events: list[tuple[int, LogEvent]] = []
    for number, recommendation in enumerate(cycle_of_advice(followed=3 if cancels else 2)):
        view = RecommendedMarket().view(recommendation)
        decision = decide(
            state,
            recommendation,
            None if view is None else view.market,
            replace(LARGE, disabled_gates=frozenset({"trading_hours"}), ticker_cooldown_minutes=0),
            context(account, number, len(events)),
        )
        if decision is None:
            raise RuntimeError("the cycle's recommendations are new")
        state = evolve(state, decision)
        events.append((number, decision))
        if isinstance(decision, OrderIntended):
            unfilled = cancels and number == CANCELED
            for event in answers(account, state, decision, broker, unfilled=unfilled):
                state = evolve(state, event)
                events.append((number, event))
    return events


def context(account: AccountName, number: int, log: int) -> DecisionContext:
    """Return who decides on the `number`-th recommendation, having seen `log` events."""
    return DecisionContext(
        author=_author(account),
        now=START,
        source=Origin(topic=RECOMMENDATIONS.name, partition=0, offset=number),
        seen=OffsetsSeen(log=log, recommendations=number + 1),
        execution_mode=ExecutionMode.SIMULATED,
        answer_within_ms=_ANSWER_MS,
    )


def answers(
    account: AccountName,
    state: AccountState,
    intent: OrderIntended,
    broker: SimulatedBroker,
    *,
    unfilled: bool = False,
) -> list[LogEvent]:
    """Return what follows from submitting `intent`, which `state` knows: a fill, or a cancel."""
    report = broker.submit(OrderRequest(terms=intent.terms, sent_at=START))
    if unfilled:
        report = replace(report, fills=(), status=OrderStatus.CANCELED)
    fact = Reported(order=report.client_order_id, report=report, looked_up=False)
    return events_of(fact, state, _writer(account))


def history(account: AccountName, count: int) -> Iterator[LogEvent]:
    """Yield `count` events of `account`'s log, from its opening on."""
    yield opening(account)
    plain, cancelling = cycle_of_events(account), cycle_of_events(account, cancels=True)
    told = (
        (CYCLE * turn + number, event)
        for turn in itertools.count()
        for number, event in (plain if (turn + 1) % CANCELS_EVERY else cancelling)
    )
    for position, (number, event) in enumerate(itertools.islice(told, count - 1)):
        yield restamped(event, number, position)


def restamped(event: LogEvent, number: int, position: int) -> LogEvent:
    """Return `event` as if about recommendation `number`, the `position`-th of its log."""
    envelope = event.envelope
    source = envelope.source and replace(envelope.source, offset=number)
    recommendation = RecommendationId(FIRST_ID + number)
    order = client_order_id(AccountName(envelope.account_name), recommendation, Leg.ENTRY)
    changes: dict[str, Any] = {
        "envelope": replace(
            envelope,
            event_id=UUID(int=(5 << 76) + position),
            recommendation_id=recommendation,
            correlation_id=f"recommendation:{recommendation}",
            source=source,
        )
    }
    if isinstance(event, OrderIntended):
        changes["terms"] = replace(event.terms, client_order_id=order)
    elif hasattr(event, "client_order_id"):
        changes["client_order_id"] = order
    return replace(event, **changes)


def _author(account: AccountName) -> Author:
    return Author(account=account, run_id=_RUN, config_hash="0123456789abcdef", build="0.0.1")


def _writer(account: AccountName) -> Writer:
    return Writer(
        author=_author(account),
        now=START,
        limits=LARGE,
        submit_window_ms=3_000,
        answer_within_ms=_ANSWER_MS,
    )
