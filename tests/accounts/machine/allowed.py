"""That no order goes past a limit, each reckoned from the orders so far."""

from decimal import Decimal
from typing import Final

from accounts.calendar import exchange_day
from accounts.state import ZERO, AccountState, TradingStatus
from events.order import OrderIntended, OrderTerms, Side
from events.values import money
from tests.accounts.machine.orders import Orders

CRUMB: Final = Decimal("0.00001")
"""US dollars by which fractions of shares may miss a limit: the wire rounds each fill."""


class Allowed(Orders):
    """What may be ordered, and how much."""

    def assert_allowed(self, before: AccountState, intent: OrderIntended, pnl: Decimal) -> None:
        """Assert that the account may order this; `before` and `pnl` are those it was decided on.

        `pnl` is what the day had won until then, in US dollars.
        """
        status, terms = before.trading.status, intent.terms
        assert status is not TradingStatus.HALTED
        assert before.unresolved_on(terms.ticker) is None
        if terms.closes_position:
            self.happened["exit"] += 1
            self.happened["exit of a short"] += terms.side is Side.BUY
            held = abs(before.positions[terms.symbol].quantity)
            assert terms.quantity <= held - before.closing_quantity(terms.symbol)
            return
        self.happened["entry"] += 1
        self.happened["short entry"] += terms.side is Side.SELL
        self.happened["bracket"] += terms.stop_loss is not None
        self.happened["fraction"] += terms.quantity != terms.quantity.to_integral_value()
        self.happened["as much as there is money for"] += "by buying_power" in intent.sizing
        assert status is TradingStatus.ACTIVE
        assert terms.side is Side.BUY or self.limits.allow_shorting
        assert not before.is_open(terms.symbol)
        self.assert_affordable(before, terms)
        self.assert_within_the_day(intent, pnl)

    def assert_affordable(self, before: AccountState, terms: OrderTerms) -> None:
        """Assert that there was money for it: a short sale ties up what it brings, and as much."""
        limits, cost = self.limits, terms.worst_price * terms.quantity * terms.multiplier
        assert money(cost) == terms.reserved_notional <= limits.max_order_notional
        costs = [position.cost for position in before.positions.values()]
        at_stake = sum(map(abs, costs), before.reserved)
        assert cost <= before.cash + sum(costs, ZERO) - at_stake
        told = before.broker
        assert told is None or told.buying_power is None or cost <= told.buying_power
        assert self.state.exposure <= limits.max_notional_exposure + CRUMB
        assert self.state.open_position_count <= limits.max_open_positions

    def assert_within_the_day(self, intent: OrderIntended, pnl: Decimal) -> None:
        """Assert what an entry may not exceed: a day's loss, orders by minute, day and ticker."""
        terms, day, limits = intent.terms, exchange_day(self.now), self.limits
        assert -pnl < limits.max_daily_loss
        assert self.orders_within_minute() <= limits.max_orders_per_minute
        assert self.orders_today() <= limits.max_orders_per_day
        today = [
            other
            for other in self.intents.values()
            if not other.terms.closes_position
            and other.terms.ticker == terms.ticker
            and exchange_day(other.envelope.occurred_at) == day
        ]
        assert len(today) <= limits.ticker_daily_limit
