"""An account under everything that can happen to it, in any order, as a state machine.

Its log grows only by what a dispatcher would write. At every step no limit is exceeded, and all
that the state keeps equals what is reckoned anew from the log.
"""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.calendar import exchange_day
from accounts.decide import decide
from accounts.evolve import evolve, fold
from accounts.limits import LARGE
from accounts.snapshot import dump, load
from accounts.state import ZERO, AccountState, OpenOrder, TradingStatus
from events.account import AdjustmentKind, CostBasis, PositionAdjusted
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from events.order import OrderFilled, OrderIntended
from events.recommendation import Action, InstrumentType, RecommendationIssued
from tests.accounts.brokerage import Brokerage, Working
from tests.accounts.histories import a_reconciliation, a_start
from tests.accounts.naive import assert_books_are_right
from tests.builders import (
    NOW,
    a_call,
    a_context,
    a_failure,
    a_halt,
    a_market,
    a_recommendation,
    a_reduction,
    a_rejection,
    a_resend,
    a_resumption,
    an_acceptance,
    an_adjustment,
    an_opening,
    an_option,
    an_unknown_outcome,
)

LIMITS: Final = replace(
    LARGE,
    max_open_positions=3,
    max_order_notional=Decimal(800),
    max_notional_exposure=Decimal(2_500),
    ticker_cooldown_minutes=5,
    ticker_daily_limit=2,
)
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


class Trading(RuleBasedStateMachine):
    """One account, decided and folded, and its brokerage."""

    happened: ClassVar[Counter[str]] = Counter()
    """What the histories so far were made of: a rule that never does anything proves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.log: list[LogEvent] = []
        self.state = AccountState()
        self.brokerage = Brokerage()
        self.advice: list[RecommendationIssued] = []
        self.intents: dict[str, OrderIntended] = {}
        self.snapshot = (dump(self.state), 0)
        self.day_began: tuple[date, Decimal] | None = None
        self.changes = 0
        self.beyond_us = False  # a late fill or a trade elsewhere: what no limit can hold back

    @initialize(cost_basis=st.sampled_from((CostBasis.AVERAGE, CostBasis.FIFO)))
    def open(self, cost_basis: CostBasis) -> None:
        self.append(replace(an_opening(), cost_basis=cost_basis))

    def append(self, event: LogEvent) -> None:
        before, equity = self.state, reckoned_equity(self.state)
        self.log.append(event)
        self.state = evolve(before, event)
        day = exchange_day(event.envelope.occurred_at)
        is_about_advice = event.envelope.recommendation_id is not None
        if is_about_advice and self.state is not before:
            self.happened[type(event).__name__] += 1
            if self.day_began is None or day > self.day_began[0]:
                self.day_began = (day, equity)

    def tell(self, event: LogEvent) -> None:
        """Append `event` as something that happens now."""
        self.append(replace(event, envelope=replace(event.envelope, occurred_at=self.now)))

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

    @rule(ticker=st.sampled_from(TICKERS), price=prices, answer=answers)
    def recommend(self, ticker: str, price: int, answer: str) -> None:
        self.decide_batch([self.advise(ticker, Action.BUY, price)], answer)

    @rule(price=option_prices, answer=answers)
    def recommend_a_call(self, price: int, answer: str) -> None:
        self.decide_batch([self.advise_call(Action.BUY, price)], answer)

    @rule(pick=picks, price=prices, option_price=option_prices, answer=answers)
    def recommend_an_exit(self, pick: int, price: int, option_price: int, answer: str) -> None:
        """Sell what is held, or what is not."""
        held = sorted(self.state.positions) or [TICKERS[0]]
        symbol = held[pick % len(held)]
        if symbol in TICKERS:
            self.decide_batch([self.advise(symbol, Action.SELL, price)], answer)
        else:
            self.decide_batch([self.advise_call(Action.SELL, option_price)], answer)

    @rule(price=prices, answer=answers, crashes=st.booleans())
    def recommend_a_batch(self, price: int, answer: str, *, crashes: bool) -> None:
        """Decide about every ticker at once; a crash before the commit leaves nothing of it."""
        batch = [self.advise(ticker, Action.BUY, price) for ticker in TICKERS]
        if crashes:
            self.happened["crash before the commit"] += 1
            assert self.decided(batch) == self.decided(batch)
        self.decide_batch(batch, answer)

    def advise_call(self, action: Action, price: int) -> RecommendationIssued:
        option = an_option(
            bid=Decimal(price) - Decimal("0.05"),
            ask=Decimal(price) + Decimal("0.05"),
            expiry=(self.now + timedelta(days=30)).date(),
        )
        return self.advise("MSFT", action, price, option=option)

    def advise(
        self, ticker: str, action: Action, price: int, **changes: object
    ) -> RecommendationIssued:
        build = a_call if "option" in changes else a_recommendation
        advice = build(
            recommendation_id=len(self.advice) + 1,
            ticker=ticker,
            action=action,
            issued_at=self.now,
            bar_at=self.now,
            features_at=self.now,
            vix=Decimal(20),
            reference_price=Decimal(price),
            stop=Decimal(price - 5) if action is Action.BUY and "option" not in changes else None,
            **changes,
        )
        self.advice.append(advice)
        return advice

    def decide_batch(self, batch: list[RecommendationIssued], answer: str = "crash") -> None:
        """Decide, commit, and POST what came of it; `answer` is what becomes of each POST."""
        intents = list[OrderIntended]()
        for advice, event in self.decided(batch):
            before = self.state
            self.append(event)
            if isinstance(event, OrderIntended):
                assert event.terms.client_order_id not in self.intents
                self.intents[event.terms.client_order_id] = event
                self.assert_allowed(before, advice, event)
                intents.append(event)
        for intent in intents:
            self.post(self.state.orders[ClientOrderId(intent.terms.client_order_id)], answer)

    def decided(
        self, batch: list[RecommendationIssued]
    ) -> list[tuple[RecommendationIssued, LogEvent]]:
        """Return each answer, decided on a scratch state that includes those before it."""
        scratch, answers = self.state, list[tuple[RecommendationIssued, LogEvent]]()
        for advice in batch:
            context = a_context(offset=advice.recommendation_id, now=self.now)
            market = a_market(advice.reference_price, observed_at=self.now)
            answer = decide(scratch, advice, market, LIMITS, context)
            if answer is not None:
                scratch = evolve(scratch, answer)
                answers.append((advice, answer))
        return answers

    def assert_allowed(
        self, before: AccountState, advice: RecommendationIssued, intent: OrderIntended
    ) -> None:
        status, terms = before.trading.status, intent.terms
        assert status is not TradingStatus.HALTED
        assert before.unresolved_on(advice.ticker) is None
        if terms.closes_position:
            self.happened["exit"] += 1
            held = abs(before.positions[terms.symbol].quantity)
            assert terms.quantity <= held - before.closing_quantity(terms.symbol)
            return
        self.happened["entry"] += 1
        assert status is TradingStatus.ACTIVE
        assert not before.is_open(terms.symbol)
        assert self.state.exposure <= LIMITS.max_notional_exposure
        assert self.state.open_position_count <= LIMITS.max_open_positions
        day = exchange_day(self.now)
        today = [
            other
            for other in self.intents.values()
            if not other.terms.closes_position
            and other.terms.ticker == terms.ticker
            and exchange_day(other.envelope.occurred_at) == day
        ]
        assert len(today) <= LIMITS.ticker_daily_limit

    @precondition(lambda self: bool(self.advice))
    @rule(pick=picks)
    def redeliver(self, pick: int) -> None:
        assert self.decided([self.advice[pick % len(self.advice)]]) == []

    @rule(seconds=st.sampled_from((10, 60, 300, 1_800)))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(days=st.sampled_from((1, 1, 3)))
    def roll_the_day(self, days: int) -> None:
        self.now = NOW.replace(year=self.now.year, month=self.now.month, day=self.now.day)
        self.now += timedelta(days=days)

    @precondition(lambda self: bool(self.state.unresolved()))
    @rule(pick=picks, answer=answers)
    def post_again(self, pick: int, answer: str) -> None:
        """POST an order that the broker does not have, after its own event."""
        order = self.unresolved(pick, known=False)
        if order is not None:
            self.tell(a_resend(self.intents[order.client_order_id], order.attempts + 1))
            self.post(self.state.orders[order.client_order_id], answer)

    def post(self, order: OpenOrder, answer: str) -> None:
        """POST an order: it arrives or not, is taken or refused, and the answer comes or not."""
        if answer == "crash":
            self.happened["crash before the POST"] += 1
            return
        name = order.client_order_id
        intent = self.intents[name]
        if answer in ("refused", "refused, lost"):
            self.brokerage.refused.add(name)
        elif answer != "never arrived":
            self.brokerage.orders[name] = Working(intent)
        if answer in ("lost", "refused, lost", "never arrived"):
            self.tell(an_unknown_outcome(intent, order.attempts))
        elif answer == "refused":
            self.tell(a_rejection(intent))
        elif answer == "late":
            self.brokerage.news.append(an_acceptance(intent))
        else:
            self.tell(an_acceptance(intent))
        if answer == "filled":
            self.brokerage.fill(self.brokerage.orders[name], 4, ZERO)
            self.tell(self.brokerage.news.pop())

    @precondition(lambda self: bool(self.state.unresolved()))
    @rule(pick=picks, again=st.booleans())
    def look_up(self, pick: int, *, again: bool) -> None:
        """Ask the broker for an order without outcome: adopt it, send it again, or give up."""
        order = self.unresolved(pick)
        if order is None:
            return
        name = order.client_order_id
        intent = self.intents[name]
        if name in self.brokerage.orders:
            self.tell(an_acceptance(intent, adopted=True))
        elif name in self.brokerage.refused:
            self.tell(a_rejection(intent))
        elif again:
            self.tell(a_resend(intent, order.attempts + 1))
        else:
            self.tell(a_failure(order.recommendation_id, order.terms.ticker))

    @precondition(lambda self: bool(self.brokerage.working(0)))
    @rule(pick=picks, share=st.integers(1, 4), better=st.integers(0, 1), heard=st.booleans())
    def fill(self, pick: int, share: int, better: int, *, heard: bool) -> None:
        if order := self.brokerage.working(pick):
            self.brokerage.fill(order, share, Decimal(better))
            if heard:
                self.hear(-1)

    @precondition(lambda self: bool(self.brokerage.working(0)))
    @rule(pick=picks, share=st.integers(0, 3), expired=st.booleans(), heard=st.booleans())
    def cancel(self, pick: int, share: int, *, expired: bool, heard: bool) -> None:
        """Cancel an order, of which a part may fill before; of both the cancel is heard first."""
        order = self.brokerage.working(pick)
        if order is not None and share:
            self.brokerage.fill(order, share, ZERO)
        if order is not None and not order.over:
            self.brokerage.end(order, expired=expired)
            if heard:
                self.hear(-1)

    @precondition(lambda self: bool(self.brokerage.news))
    @rule(pick=picks)
    def hear_late(self, pick: int) -> None:
        """Hear any of the broker's news: the last before the first as well."""
        self.hear(pick)

    def hear(self, pick: int) -> None:
        news = self.brokerage.news
        if not news:
            return
        event = news.pop(pick % len(news))
        if isinstance(event, OrderFilled) and event.client_order_id in self.state.closed_orders:
            self.beyond_us = True
            self.happened["late fill"] += 1
        self.tell(event)

    @precondition(lambda self: bool(self.log))
    @rule(pick=picks)
    def tell_again(self, pick: int) -> None:
        """Tell any event of the log a second time: nothing may change."""
        before = self.state
        assert evolve(before, self.log[pick % len(self.log)]) == before

    @rule(pick=picks, change=st.sampled_from((-1, 1)), price=prices)
    def trade_elsewhere(self, pick: int, change: int, price: int) -> None:
        held = [symbol for symbol in sorted(self.state.positions) if symbol in TICKERS]
        symbol = held[pick % len(held)] if held else TICKERS[0]
        self.adjust(symbol, Decimal(change), Decimal(price), AdjustmentKind.OUTSIDE_TRADE)

    @precondition(lambda self: bool(self.state.positions))
    @rule(pick=picks)
    def split_or_expire(self, pick: int) -> None:
        """Two shares for one; a call ends worthless."""
        held = [position for _, position in sorted(self.state.positions.items())]
        one = held[pick % len(held)]
        if one.instrument_type is InstrumentType.STOCK:
            self.adjust(one.symbol, one.quantity, ZERO, AdjustmentKind.CORPORATE_ACTION)
        else:
            self.adjust(one.symbol, -one.quantity, ZERO, AdjustmentKind.EXPIRY)

    def adjust(self, symbol: str, change: Decimal, price: Decimal, kind: AdjustmentKind) -> None:
        held = self.state.positions.get(symbol)
        event: PositionAdjusted = an_adjustment(
            change,
            price,
            kind=kind,
            activity=str(self.change()),
            ticker=symbol if held is None else held.ticker,
            symbol=symbol,
            multiplier=1 if held is None else held.multiplier,
            instrument_type=InstrumentType.STOCK if held is None else held.instrument_type,
        )
        self.beyond_us = True
        self.happened[kind.value] += 1
        self.append(event)

    @rule(wish=st.sampled_from(("resume", "resume", "resume", "halt", "cancel-open", "reduce")))
    def command(self, wish: str) -> None:
        self.happened[wish] += 1
        if wish == "resume":
            self.append(a_resumption(self.change()))
        elif wish == "reduce":
            self.append(a_reduction(self.change()))
        else:
            halt = a_halt(self.change())
            self.append(replace(halt, cancel_open=wish == "cancel-open"))

    @rule(named=st.booleans())
    def reconcile(self, *, named: bool) -> None:
        equity = self.state.equity if named else None
        self.tell(a_reconciliation(self.change(), equity))

    @rule()
    def take_a_snapshot(self) -> None:
        self.snapshot = (dump(self.state), len(self.log))

    @rule()
    def restart(self) -> None:
        """Die, and come back from the snapshot and the log behind it."""
        text, length = self.snapshot
        self.happened["restart"] += 1
        again = fold(self.log[length:], load(text))
        assert again == self.state
        self.state = again
        self.append(a_start(self.change()))

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        if not self.beyond_us:
            assert self.state.exposure <= LIMITS.max_notional_exposure
            assert self.state.open_position_count <= LIMITS.max_open_positions
            held = self.state.positions.values()
            assert all(position.quantity > 0 for position in held)  # nothing is sold short

    @invariant()
    def nothing_here_was_illegal(self) -> None:
        assert self.state.incidents == 0

    @invariant()
    def every_decision_is_known_and_ends_once(self) -> None:
        state = self.state
        assert len(state.decided) == len(self.advice)
        waiting = sum(1 for closed in state.closed_orders.values() if closed.end is None)
        unfilled = sum(1 for one in state.orders.values() if one.cumulative_quantity == 0)
        assert state.ends.total + unfilled + waiting == len(self.advice)

    @invariant()
    def the_books_are_right(self) -> None:
        assert_books_are_right(self.state)
        day, equity = exchange_day(self.now), reckoned_equity(self.state)
        began = self.day_began if self.day_began and self.day_began[0] == day else (day, equity)
        assert self.state.pnl_on(day) == equity - began[1]
        times = [intent.envelope.occurred_at for intent in self.intents.values()]
        assert self.state.orders_on(day) == sum(exchange_day(at) == day for at in times)
        assert self.state.orders_within_minute(self.now) == sum(
            at > self.now - MINUTE for at in times
        )

    def teardown(self) -> None:
        text, length = self.snapshot
        assert fold(self.log) == self.state
        assert fold(self.log[length:], load(text)) == self.state
        assert load(dump(self.state)) == self.state


def reckoned_equity(state: AccountState) -> Decimal:
    """Return cash and what every holding is worth."""
    worth = [
        position.quantity
        * position.multiplier
        * state.last_prices.get(position.symbol, position.average_price)
        for position in state.positions.values()
    ]
    return state.cash + sum(worth, ZERO)


def run(machine: type[Trading], histories: int, *, derandomize: bool = False) -> None:
    """Tell that many histories of up to 40 steps; a failure prints its shortest history."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            deadline=None,
            database=None,
            derandomize=derandomize,
            max_examples=histories,
            stateful_step_count=40,
        ),
    )
