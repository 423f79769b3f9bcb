"""One account and its log: what every step of a history stands on."""

import os
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from accounts.calendar import exchange_day
from accounts.evolve import evolve
from accounts.limits import Limits
from accounts.snapshot import dump
from accounts.state import ZERO, AccountState, OpenOrder
from events.account import CostBasis
from events.catalog import LogEvent
from events.order import OrderFilled, OrderIntended
from events.recommendation import RecommendationIssued
from tests.accounts.machine.brokerage import Brokerage
from tests.accounts.machine.profiles import PROFILES, Profile
from tests.builders import NOW, an_opening

SEED: Final = int(os.environ.get("DISPATCHER_TEST_SEED", "20261123"))
"""Of the two thousand histories: another one tells others."""
TICKERS: Final = ("A", "B", "C", "D")
MINUTE: Final = timedelta(minutes=1)

ANSWERS: Final = (
    *("filled", "filled", "filled", "taken", "taken", "late"),
    *("refused", "lost", "refused, lost", "never arrived", "crash"),
)
"""What may become of a POST; "late" is taken, but the answer comes among other news."""

picks = st.integers(0, 99)
prices = st.integers(90, 110)
answers = st.sampled_from(ANSWERS)
option_prices = st.integers(3, 6)


class Ground(RuleBasedStateMachine):
    """One account, decided and folded, and its brokerage."""

    happened: ClassVar[Counter[str]] = Counter()
    """What the histories so far were made of: a rule that never does anything proves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.profile: Profile = PROFILES[0]
        self.log: list[LogEvent] = []
        self.state = AccountState()
        self.brokerage = Brokerage()
        self.advice: list[RecommendationIssued] = []
        self.intents: dict[str, OrderIntended] = {}
        self.snapshot = (dump(self.state), 0)
        self.read_back, self.read_back_length, self.steps_told = self.state, 0, 0
        self.right: AccountState | None = None  # the state whose books were reckoned anew last
        self.day_began: tuple[date, Decimal] | None = None
        self.changes = 0
        self.beyond_us = False  # a trade elsewhere: what no limit can hold back

    @initialize(
        profile=st.sampled_from(PROFILES),
        cost_basis=st.sampled_from((CostBasis.AVERAGE, CostBasis.FIFO)),
    )
    def open(self, profile: Profile, cost_basis: CostBasis) -> None:
        self.profile = profile
        self.append(replace(an_opening(profile.cash), cost_basis=cost_basis))

    @property
    def limits(self) -> Limits:
        return self.profile.limits

    def append(self, event: LogEvent) -> bool:
        """Append `event`; return whether it says something new."""
        before = self.state
        self.log.append(event)
        self.state = evolve(before, event)
        if self.state is before:
            return False
        if event.envelope.recommendation_id is not None:
            self.happened[type(event).__name__] += 1
            if isinstance(event, OrderFilled):
                self.happened[f"filled {event.envelope.leg}"] += 1
            day = exchange_day(event.envelope.occurred_at)
            if self.day_began is None or day > self.day_began[0]:
                self.day_began = (day, reckoned_equity(before))
        return True

    def reckoned_pnl(self) -> Decimal:
        """Return what the day of `now` has won since its first event about advice."""
        began, day = self.day_began, exchange_day(self.now)
        return reckoned_equity(self.state) - began[1] if began and began[0] == day else ZERO

    def times_of_orders(self) -> list[datetime]:
        """Return when each order so far was intended."""
        return [intent.envelope.occurred_at for intent in self.intents.values()]

    def orders_within_minute(self) -> int:
        return sum(at > self.now - MINUTE for at in self.times_of_orders())

    def orders_today(self) -> int:
        day = exchange_day(self.now)
        return sum(exchange_day(at) == day for at in self.times_of_orders())

    def change(self) -> int:
        self.changes += 1
        return self.changes

    def unresolved(self, pick: int, *, known: bool | None = None) -> OpenOrder | None:
        """Return one of the orders without an outcome: known to the broker, not, or any."""
        orders = [
            order
            for order in self.state.unresolved()
            if known is None or self.brokerage.knows(order.client_order_id) is known
        ]
        return orders[pick % len(orders)] if orders else None


def reckoned_equity(state: AccountState) -> Decimal:
    """Return cash and what every holding is worth."""
    worth = [
        position.quantity
        * position.multiplier
        * state.last_prices.get(position.symbol, position.average_price)
        for position in state.positions.values()
    ]
    return state.cash + sum(worth, ZERO)
