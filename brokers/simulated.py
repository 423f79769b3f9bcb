"""The simulated broker: the same contract and the same events as a real one, without the money.

Deterministic: what an order becomes depends on the order alone (the seed is its client order id),
so a run that is repeated, or resumed after a crash, ends the same. Simulation is a mode that an
account is opened in; nothing ever falls back to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

from brokers.broker import (
    BrokerAccount,
    BrokerPosition,
    Fill,
    MarketView,
    OrderReport,
    OrderRequest,
    OrderStatus,
)
from brokers.errors import DuplicateOrder, OrderRefused
from brokers.ledger import Ledger
from events.decision import MarketSeen
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import OrderType, RejectionClass, Side
from events.recommendation import RecommendationIssued
from events.values import money

FILL_MODEL: Final = "reference_price_with_slippage"
RECOMMENDATION: Final = "recommendation"
"""The source of a market that is seen in the recommendation alone."""

_BASIS_POINTS: Final = Decimal(10_000)
_ANY_NUMBER: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationTerms:
    """How the simulated market treats us: slippage in basis points, fees in US dollars.

    With `resting_orders` nothing fills but the first part of a partial fill: what is left works
    until it is cancelled.
    """

    slippage_bps: int = 5
    fee_per_order: Decimal = Decimal(0)
    partial_fills: bool = False
    resting_orders: bool = False


class SimulatedBroker:
    """Fills every marketable order at the reference price plus slippage, always against us."""

    ledger_is_final: Final = True

    def __init__(
        self, *, account_number: str, terms: SimulationTerms, ledger: Path | None = None
    ) -> None:
        """Trade as `account_number`; remember every order in the file `ledger`, if given."""
        self._account_number = account_number
        self._terms = terms
        self._ledger = Ledger(ledger)
        self._lock = Lock()

    def submit(self, request: OrderRequest) -> OrderReport:
        """Place an order; see `Broker.submit`."""
        with self._lock, self._ledger.exclusive():
            request.last_word()
            order = request.terms
            if self._ledger.find(ClientOrderId(order.client_order_id)) is not None:
                raise DuplicateOrder(f"client_order_id {order.client_order_id} must be unique")
            if order.quantity <= 0:
                raise OrderRefused(
                    f"quantity {order.quantity} must be above 0",
                    rejection_class=RejectionClass.VALIDATION,
                )
            report = self._trade(request)
            self._ledger.append(report)
            return report

    def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """Look an order up; see `Broker.find`."""
        with self._lock:
            return self._ledger.find(client_order_id)

    def cancel(self, broker_order_id: BrokerOrderId) -> None:
        """End a working order; see `Broker.cancel`."""
        with self._lock, self._ledger.exclusive():
            order = self._ledger.find_at_broker(broker_order_id)
            if order is None or order.status is not OrderStatus.WORKING:
                raise OrderRefused(f"order {broker_order_id} has already ended, or was never here")
            self._ledger.end(replace(order, status=OrderStatus.CANCELED))

    def open_orders(self) -> list[OrderReport]:
        """Return the orders that may still fill."""
        with self._lock:
            return self._ledger.working()

    def fills_since(self, moment: datetime) -> list[tuple[BrokerOrderId, Fill]]:
        """Return the fills at or after `moment`, oldest first."""
        with self._lock:
            fills = [
                (order.broker_order_id, fill)
                for order in self._ledger.filled_since(moment)
                for fill in order.fills
                if fill.filled_at >= moment
            ]
        return sorted(fills, key=lambda pair: pair[1].filled_at)

    def positions(self) -> list[BrokerPosition]:
        """Return what the fills in the ledger add up to."""
        with self._lock:
            return [
                BrokerPosition(symbol=symbol, quantity=quantity)
                for symbol, quantity in self._ledger.holdings()
            ]

    def account(self) -> BrokerAccount:
        """Return the account number; a simulated broker keeps no cash of its own."""
        return BrokerAccount(number=self._account_number)

    def listen(self) -> None:
        """Hear nothing; see `updates`."""

    def hush(self) -> None:
        """Hear nothing; see `updates`."""

    def orders_free(self) -> int:
        """Return more than anybody sends: nobody counts."""
        return _ANY_NUMBER

    def requests_free(self) -> int:
        """Return more than anybody asks: nobody counts."""
        return _ANY_NUMBER

    def told_by(self) -> int:
        """Return 0: see `updates`."""
        return 0

    def updates(self) -> Iterator[OrderReport]:
        """Return nothing: all there is to know stands in the answer to `submit`."""
        return iter(())

    def _trade(self, request: OrderRequest) -> OrderReport:
        order = request.terms
        price = self._price(request)
        fills = () if price is None else self._fills(request, price)
        return OrderReport(
            broker_order_id=BrokerOrderId(f"sim-{_seed(order.client_order_id):032x}"),
            client_order_id=ClientOrderId(order.client_order_id),
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            limit_price=order.limit_price,
            status=self._status(price),
            created_at=request.sent_at,
            fills=fills,
            fill_model=FILL_MODEL,
            slippage_bps=self._terms.slippage_bps,
        )

    def _status(self, price: Decimal | None) -> OrderStatus:
        if price is None:
            return OrderStatus.EXPIRED
        return OrderStatus.WORKING if self._terms.resting_orders else OrderStatus.FILLED

    def _price(self, request: OrderRequest) -> Decimal | None:
        """Return what each share costs, None when the limit is out of the market's reach."""
        order, reference = request.terms, request.terms.reference_price
        against_us = 1 if order.side is Side.BUY else -1
        slipped = money(reference * (1 + against_us * self._terms.slippage_bps / _BASIS_POINTS))
        if order.order_type is OrderType.MARKET or order.limit_price is None:
            return slipped
        if against_us * (reference - order.limit_price) > 0:
            return None
        return (
            min(slipped, order.limit_price) if against_us > 0 else max(slipped, order.limit_price)
        )

    def _fills(self, request: OrderRequest, price: Decimal) -> tuple[Fill, ...]:
        order = request.terms
        parts = [order.quantity]
        if self._terms.partial_fills and order.quantity > 1:
            share = Decimal(1 + _seed(order.client_order_id) % 9) / 10
            first = (order.quantity * share).quantize(Decimal(1), rounding=ROUND_DOWN)
            if first:
                parts = [first, order.quantity - first]
        if self._terms.resting_orders:
            parts = parts[:-1]
        fills, cumulative = [], Decimal(0)
        for number, part in enumerate(parts):
            cumulative += part
            fills.append(
                Fill(
                    quantity=part,
                    price=price,
                    cumulative_quantity=cumulative,
                    fees=self._terms.fee_per_order if number == 0 else Decimal(0),
                    filled_at=request.sent_at,
                )
            )
        return tuple(fills)


class RecommendedMarket:
    """The market as the recommendation itself tells it: all a simulation knows."""

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        """Return the recommendation's own prices; for an option, those of its contract."""
        option = recommendation.option
        if option is None:
            market = MarketSeen(
                source=RECOMMENDATION,
                observed_at=recommendation.issued_at,
                reference_price=recommendation.reference_price,
                bid=recommendation.bid,
                ask=recommendation.ask,
            )
            return MarketView(market=market)
        if option.bid is None or option.ask is None:
            return None
        market = MarketSeen(
            source=RECOMMENDATION,
            observed_at=recommendation.issued_at,
            reference_price=money((option.bid + option.ask) / 2),
            bid=option.bid,
            ask=option.ask,
        )
        return MarketView(market=market, option=option)


def _seed(client_order_id: str) -> int:
    return int.from_bytes(sha256(client_order_id.encode()).digest()[:16])
