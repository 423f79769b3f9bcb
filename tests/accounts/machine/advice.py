"""What is decided about advice, in which order, and what becomes of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.calendar import exchange_day, session
from accounts.decide import decide, failure
from accounts.evolve import evolve
from accounts.halting import automatic_halt
from events.account import AccountHalted, AccountReduced
from events.catalog import LogEvent
from events.decision import RecommendationDeclined
from events.identifiers import ClientOrderId, RecommendationId
from events.order import OrderIntended
from events.recommendation import Action, RecommendationIssued
from tests.accounts.machine.allowed import Allowed
from tests.accounts.machine.ground import TICKERS, answers, option_prices, picks, prices
from tests.builders import NOW, a_call, a_context, a_market, a_recommendation, an_author, an_option

BUG: Final = ZeroDivisionError("a bug was planted here")
SPANS: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))


class Advised(Allowed):
    """The decisions of a history, and its clock."""

    @rule(
        ticker=st.sampled_from(TICKERS),
        action=st.sampled_from((Action.BUY, Action.BUY, Action.SELL)),
        price=prices,
        answer=answers,
    )
    def recommend(self, ticker: str, action: Action, price: int, answer: str) -> None:
        self.decide_batch([self.advise(ticker, action, price)], answer)

    @rule(price=option_prices, answer=answers)
    def recommend_a_call(self, price: int, answer: str) -> None:
        self.decide_batch([self.advise_call(Action.BUY, price)], answer)

    @precondition(lambda self: bool(self.state.positions))
    @rule(pick=picks, price=prices, option_price=option_prices, answer=answers)
    def recommend_an_exit(self, pick: int, price: int, option_price: int, answer: str) -> None:
        """Sell what is held, or buy back what was sold short."""
        held = sorted(self.state.positions)
        symbol = held[pick % len(held)]
        action = Action.SELL if self.state.positions[symbol].quantity > 0 else Action.BUY
        if symbol in TICKERS:
            self.decide_batch([self.advise(symbol, action, price)], answer)
        else:
            self.decide_batch([self.advise_call(action, option_price)], answer)

    @rule(price=prices, answer=answers, crashes=st.booleans())
    def recommend_a_batch(self, price: int, answer: str, *, crashes: bool) -> None:
        """Decide about two tickers at once; a crash before the commit leaves nothing of it."""
        batch = [self.advise(ticker, Action.BUY, price) for ticker in TICKERS[:2]]
        if crashes:
            self.happened["crash before the commit"] += 1
            assert self.decided(batch) == self.decided(batch)
        self.decide_batch(batch, answer)

    @rule(count=st.sampled_from((1, 1, 4)))
    def meet_a_bug(self, count: int) -> None:
        """Fail to decide about one ticker after the other."""
        batch = [self.advise(TICKERS[turn % 3], Action.BUY, 100) for turn in range(count)]
        self.decide_batch(batch, broken=True)

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
        """Advise a stock with its stop and target, a call without."""
        is_call, up = "option" in changes, 1 if action is Action.BUY else -1
        build = a_call if is_call else a_recommendation
        advice = build(
            recommendation_id=len(self.advice) + 1,
            ticker=ticker,
            action=action,
            issued_at=self.now,
            bar_at=self.now,
            features_at=self.now,
            vix=Decimal(20),
            reference_price=Decimal(price),
            stop=None if is_call else Decimal(price - up * 5),
            target=None if is_call else Decimal(price + up * 8),
            **changes,
        )
        self.advice.append(advice)
        return advice

    def decide_batch(
        self, batch: list[RecommendationIssued], answer: str = "crash", *, broken: bool = False
    ) -> None:
        """Decide, commit, and POST what came of it; `answer` is what becomes of each POST."""
        intents = list[OrderIntended]()
        events = self.decided(batch, broken=broken)
        for event in events:
            if isinstance(event, AccountHalted | AccountReduced):
                self.stop(event)
                continue
            before, pnl = self.state, self.reckoned_pnl()
            self.append(event)
            if isinstance(event, RecommendationDeclined):
                self.happened["declined for lack of money"] += "buying_power" in event.declined_by
            if isinstance(event, OrderIntended):
                assert event.terms.client_order_id not in self.intents
                self.intents[event.terms.client_order_id] = event
                self.assert_allowed(before, event, pnl)
                intents.append(event)
        for event in events:
            self.assert_stopped_as_due(event)
        for intent in intents:
            self.post(self.state.orders[ClientOrderId(intent.terms.client_order_id)], answer)

    def decided(self, batch: list[RecommendationIssued], *, broken: bool = False) -> list[LogEvent]:
        """Return each answer, decided on a scratch state that includes those before it."""
        scratch, told = self.state, list[LogEvent]()
        for advice in batch:
            context = a_context(offset=advice.recommendation_id, now=self.now)
            answer: LogEvent | None
            if broken and not scratch.is_decided(RecommendationId(advice.recommendation_id)):
                answer = failure(advice, BUG, context)
            else:
                market = a_market(advice.reference_price, observed_at=self.now)
                answer = decide(scratch, advice, market, self.limits, context)
            if answer is None:
                continue
            scratch = evolve(scratch, answer)
            told.append(answer)
            halt = automatic_halt(scratch, answer, self.limits, an_author(), self.now)
            if halt is not None:
                scratch = evolve(scratch, halt)
                told.append(halt)
        return told

    @rule(span=st.sampled_from((*SPANS, "1 day", "3 days")))
    def pass_time(self, span: timedelta | str) -> None:
        """Go on later, or at the usual hour of another day on which the exchange is open."""
        if isinstance(span, timedelta):
            self.now += span
            return
        self.now = NOW.replace(year=self.now.year, month=self.now.month, day=self.now.day)
        self.now += timedelta(days=int(span[0]))
        while session(exchange_day(self.now)) is None:
            self.now += timedelta(days=1)
