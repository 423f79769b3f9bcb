"""How an account stops itself: asked as the dispatcher asks it, and reckoned anew."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from accounts.calendar import exchange_day
from accounts.halting import (
    FAILING_TICKERS_MIN,
    FAILURES_IN_ROW_MAX,
    Halt,
    halt_after_answer,
)
from accounts.limits import OnDailyLoss
from accounts.state import ZERO, TradingStatus
from events.account import AccountResumed
from events.catalog import LogEvent
from events.decision import RecommendationDeclined, RecommendationFailed, Stage
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from tests.accounts.machine.ground import Ground
from tests.builders import an_author

ENDS_OF_A_ROW: Final = (
    *(OrderAccepted, OrderRejected, OrderFilled, OrderCanceled, OrderExpired),
    AccountResumed,
)


class Halting(Ground):
    """Failures in a row and days that cost too much."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: list[str] = []
        self.stopped_on: set[object] = set()

    def append(self, event: LogEvent) -> bool:
        is_news = super().append(event)
        if is_news and isinstance(event, RecommendationFailed):
            if event.stage is not Stage.HALTED:
                self.failing.append(event.ticker)
        elif is_news and isinstance(event, ENDS_OF_A_ROW):
            self.failing.clear()
        return is_news

    def tell(self, event: LogEvent) -> None:
        """Append what the broker says as something that happens now, and what it calls for."""
        self.append(replace(event, envelope=replace(event.envelope, occurred_at=self.now)))
        halt = halt_after_answer([event], self.state, self.limits, an_author(), self.now)
        if halt is not None:
            self.stop(halt)
        self.assert_stopped_as_due(event)

    def stop(self, halt: Halt) -> None:
        """Append that the account stops itself, which each cause has to be enough for."""
        before, day = self.state.trading.status, exchange_day(self.now)
        if self.failures_are_many():
            assert before is not TradingStatus.HALTED
            self.happened["halted by failures"] += 1
        else:
            assert before is TradingStatus.ACTIVE
            assert day not in self.stopped_on
            self.stopped_on.add(day)
            self.happened[f"the day's loss: {self.limits.on_daily_loss}"] += 1
        assert self.append(halt)
        halts = self.failures_are_many() or self.limits.on_daily_loss is OnDailyLoss.HALT
        assert self.state.trading.status is (
            TradingStatus.HALTED if halts else TradingStatus.REDUCED
        )

    def assert_stopped_as_due(self, event: LogEvent) -> None:
        """Assert that whatever calls for a stop has had it."""
        status = self.state.trading.status
        if isinstance(event, RecommendationFailed) and self.failures_are_many():
            assert status is TradingStatus.HALTED
        stops = self.limits.on_daily_loss is not OnDailyLoss.DECLINE
        if stops and exchange_day(self.now) not in self.stopped_on and self.costs_too_much(event):
            assert status is not TradingStatus.ACTIVE

    def costs_too_much(self, event: LogEvent) -> bool:
        if isinstance(event, RecommendationDeclined):
            return "daily_loss_limit" in event.declined_by
        return isinstance(event, OrderFilled) and -self.reckoned_pnl() >= self.loss_allowed()

    def loss_allowed(self) -> Decimal:
        """Return the smaller of both limits; one is a share of what the day began with."""
        equity = ZERO if self.day_began is None else self.day_began[1]
        share = max(equity * self.limits.max_daily_loss_share, ZERO)
        return min(self.limits.max_daily_loss, share)

    def failures_are_many(self) -> bool:
        tickers = set(self.failing)
        return len(self.failing) >= FAILURES_IN_ROW_MAX and len(tickers) >= FAILING_TICKERS_MIN
