"""What is decided about advice, and that no decision goes past a limit."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.calendar import exchange_day
from accounts.decide import decide
from accounts.evolve import evolve
from accounts.state import AccountState, TradingStatus
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from events.order import OrderIntended
from events.recommendation import Action, RecommendationIssued
from tests.accounts.machine.ground import LIMITS, TICKERS, answers, option_prices, picks, prices
from tests.accounts.machine.orders import Orders
from tests.builders import NOW, a_call, a_context, a_market, a_recommendation, an_option


class Advised(Orders):
    """The decisions of a history, and its clock."""

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
        """Decide about two tickers at once; a crash before the commit leaves nothing of it."""
        batch = [self.advise(ticker, Action.BUY, price) for ticker in TICKERS[:2]]
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
            before, pnl = self.state, self.reckoned_pnl()
            self.append(event)
            if isinstance(event, OrderIntended):
                assert event.terms.client_order_id not in self.intents
                self.intents[event.terms.client_order_id] = event
                self.assert_allowed(before, advice, event)
                if not event.terms.closes_position:
                    self.assert_within_the_day(event, pnl)
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
        cost = terms.worst_price * terms.quantity * terms.multiplier
        assert cost == terms.reserved_notional <= LIMITS.max_order_notional
        assert cost <= before.cash - before.reserved
        assert self.state.exposure <= LIMITS.max_notional_exposure
        assert self.state.open_position_count <= LIMITS.max_open_positions

    def assert_within_the_day(self, intent: OrderIntended, pnl: Decimal) -> None:
        """Assert what an entry may not exceed: a day's loss, orders by minute, day and ticker."""
        terms, day = intent.terms, exchange_day(self.now)
        assert -pnl < LIMITS.max_daily_loss
        assert self.orders_within_minute() <= LIMITS.max_orders_per_minute
        assert self.orders_today() <= LIMITS.max_orders_per_day
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
