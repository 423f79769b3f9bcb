"""An account under a broker that does everything a broker does: limits hold at every step."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from accounts.decide import decide
from accounts.evolve import evolve, fold
from accounts.limits import LARGE
from accounts.state import OpenOrder, TradingStatus
from events.catalog import LogEvent
from events.order import OrderFilled, OrderIntended
from events.recommendation import Action, RecommendationIssued
from tests.builders import (
    NOW,
    a_cancellation,
    a_context,
    a_failure,
    a_fill,
    a_halt,
    a_market,
    a_recommendation,
    a_rejection,
    a_resend,
    a_resumption,
    an_acceptance,
    an_opening,
    an_unknown_outcome,
)

LIMITS: Final = replace(
    LARGE,
    max_open_positions=2,
    max_order_notional=Decimal(1_000),
    max_notional_exposure=Decimal(1_500),
    ticker_cooldown_minutes=5,
    ticker_daily_limit=1,
)


class Trading(RuleBasedStateMachine):
    """One account, decided and folded; its log grows only by what a dispatcher would write."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[LogEvent] = [an_opening()]
        self.state = fold(self.log)
        self.now = NOW
        self.advice: list[RecommendationIssued] = []
        self.intents: dict[str, OrderIntended] = {}
        self.fills: dict[str, OrderFilled] = {}
        self.changes = 0
        self.filled_late = False  # after its cancel: the one thing that no limit can hold back

    def append(self, event: LogEvent) -> None:
        self.log.append(event)
        self.state = evolve(self.state, event)

    def order(self, pick: int, *, unresolved: bool | None = None) -> OpenOrder | None:
        """Return one of the open orders, of those with or without an outcome if asked."""
        orders = [
            order
            for _, order in sorted(self.state.orders.items())
            if unresolved is None or order.unresolved is unresolved
        ]
        return orders[pick % len(orders)] if orders else None

    @rule(
        ticker=st.sampled_from(("A", "B", "C", "D")),
        action=st.sampled_from((Action.BUY, Action.SELL)),
        price=st.integers(90, 110),
    )
    def recommend(self, ticker: str, action: Action, price: int) -> None:
        advice = a_recommendation(
            recommendation_id=len(self.advice) + 1,
            ticker=ticker,
            action=action,
            issued_at=self.now,
            reference_price=Decimal(price),
            stop=Decimal(price - 5) if action is Action.BUY else None,
        )
        self.advice.append(advice)
        self.dispatch(advice)

    def dispatch(self, advice: RecommendationIssued) -> None:
        context = a_context(offset=advice.recommendation_id, now=self.now)
        market = a_market(advice.reference_price)
        halted = self.state.trading.status is TradingStatus.HALTED
        answer = decide(self.state, advice, market, LIMITS, context)
        if isinstance(answer, OrderIntended):
            assert not halted
            assert answer.terms.client_order_id not in self.intents
            self.intents[answer.terms.client_order_id] = answer
        if answer is not None:
            self.append(answer)

    @rule(pick=st.integers(0, 99))
    def redeliver(self, pick: int) -> None:
        if self.advice:
            before = len(self.log)
            self.dispatch(self.advice[pick % len(self.advice)])
            assert len(self.log) == before

    @rule(minutes=st.sampled_from((1, 5, 30, 24 * 60)))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(pick=st.integers(0, 9))
    def accept(self, pick: int) -> None:
        if order := self.order(pick, unresolved=True):
            self.append(an_acceptance(self.intents[order.client_order_id]))

    @rule(pick=st.integers(0, 99), share=st.integers(1, 4), better=st.integers(0, 1))
    def fill(self, pick: int, share: int, better: int) -> None:
        """Fill a part or all of an order, a cancelled one included."""
        live = [name for name, order in self.state.orders.items() if not order.unresolved]
        late = [
            name
            for name, closed in self.state.closed_orders.items()
            if closed.order.broker_order_id is not None
        ]
        names = sorted(live + late)
        if not names:
            return
        name = names[pick % len(names)]
        self.filled_late |= name in late
        intent, before = self.intents[name], self.fills.get(name)
        done = Decimal(0) if before is None else before.cumulative_quantity
        step = max((intent.terms.quantity - done) * share // 4, Decimal(1))
        price = intent.terms.worst_price - better
        self.fills[name] = a_fill(intent, done + step, price, before=before)
        self.append(self.fills[name])

    @rule(pick=st.integers(0, 99))
    def tell_again(self, pick: int) -> None:
        """Tell any event of the log a second time: nothing may change."""
        before = self.state
        self.append(self.log[pick % len(self.log)])
        assert self.state == before

    @rule(pick=st.integers(0, 9))
    def reject(self, pick: int) -> None:
        if order := self.order(pick, unresolved=True):
            self.append(a_rejection(self.intents[order.client_order_id]))

    @rule(pick=st.integers(0, 9))
    def lose_the_answer(self, pick: int) -> None:
        if order := self.order(pick, unresolved=True):
            intent = self.intents[order.client_order_id]
            self.append(an_unknown_outcome(intent, order.attempts))

    @rule(pick=st.integers(0, 9), again=st.booleans())
    def prove_absent(self, pick: int, *, again: bool) -> None:
        if order := self.order(pick, unresolved=True):
            intent = self.intents[order.client_order_id]
            if again:
                self.append(a_resend(intent, order.attempts + 1))
            else:
                self.append(a_failure(order.recommendation_id, order.terms.ticker))

    @rule(pick=st.integers(0, 9))
    def cancel(self, pick: int) -> None:
        if order := self.order(pick, unresolved=False):
            intent = self.intents[order.client_order_id]
            self.append(a_cancellation(intent, order.cumulative_quantity))

    @rule()
    def halt(self) -> None:
        self.changes += 1
        self.append(a_halt(self.changes))

    @rule()
    def resume(self) -> None:
        self.changes += 1
        self.append(a_resumption(self.changes))

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        if not self.filled_late:
            assert self.state.exposure <= LIMITS.max_notional_exposure
            assert self.state.open_position_count <= LIMITS.max_open_positions
        for day in self.state.ticker_days.values():
            assert day.entries <= LIMITS.ticker_daily_limit

    @invariant()
    def nothing_is_sold_short(self) -> None:
        held = self.state.positions.values()
        assert self.filled_late or all(position.quantity > 0 for position in held)

    @invariant()
    def nothing_here_was_illegal(self) -> None:
        assert self.state.incidents == 0

    @invariant()
    def every_decision_is_known(self) -> None:
        assert len(self.state.decided) == len(self.advice)

    def teardown(self) -> None:
        assert fold(self.log) == self.state


@pytest.mark.timeout(120)
def test_limits_hold_whatever_the_broker_does() -> None:
    run_state_machine_as_test(
        Trading,
        settings=settings(
            derandomize=True,
            deadline=None,
            database=None,
            max_examples=400,
            stateful_step_count=50,
        ),
    )
