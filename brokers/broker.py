"""What a broker must be able to do, whoever it is. One contract suite runs on every broker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeAlias

from events.decision import MarketSeen
from events.identifiers import BrokerOrderId, ClientOrderId, Leg
from events.order import OrderTerms, Side
from events.recommendation import OptionQuote, RecommendationIssued

LastWord: TypeAlias = Callable[[], None]
"""Asked when a request could go out at once: raises where it must not go out any more."""


def anything_goes() -> None:
    """Let a request go out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One order to place, at the clock's time `sent_at`.

    `last_word` is asked by the broker as the very last thing before the order goes out.
    """

    terms: OrderTerms
    sent_at: datetime
    last_word: LastWord = field(default=anything_goes, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One trade: `cumulative_quantity` is the order's after it; fees in US dollars."""

    quantity: Decimal
    price: Decimal
    cumulative_quantity: Decimal
    fees: Decimal
    filled_at: datetime


class OrderStatus(StrEnum):
    """Where an order stands at the broker."""

    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order as the broker has it, with every fill so far in their order.

    `legs` are the stop and the target that a bracket's entry has at the broker, under ids of its
    own; told of where the broker tells of them, and each told of alone as well.
    """

    broker_order_id: BrokerOrderId
    client_order_id: ClientOrderId
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None
    status: OrderStatus
    created_at: datetime
    fills: tuple[Fill, ...] = ()
    fill_model: str
    slippage_bps: int | None = None
    legs: tuple["LegReport", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegReport:
    """A stop or a target that belongs to the order which it is reported with."""

    leg: Leg
    report: OrderReport


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """Whose money it is. Figures in US dollars, None where the broker keeps none.

    `last_equity` is the equity at the close of the trading day before; `blocked` says in words
    why the account may not trade, and is empty where it may.
    """

    number: str
    cash: Decimal | None = None
    equity: Decimal | None = None
    last_equity: Decimal | None = None
    buying_power: Decimal | None = None
    blocked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """A holding as the broker has it; `quantity` is negative when short."""

    symbol: str
    quantity: Decimal


class Broker(Protocol):
    """The brokerage. Every method answers within a bounded time or raises a `BrokerError`."""

    @property
    def ledger_is_final(self) -> bool:
        """Whether a look-up that finds nothing proves at once that there is no order."""
        ...

    def submit(self, request: OrderRequest) -> OrderReport:
        """Place an order: one call is at most one request on the wire, never a retry.

        It asks `request.last_word` once, when all that takes time is done and before anything of
        the order has gone out; what that raises is raised, and proves that nothing was sent.

        Raises:
            OrderRefused: The broker does not want it.
            OrderNotAccepted: Proven not to have arrived.
            OrderOutcomeUnclear: Nobody knows; `DuplicateOrder` when the id is taken.
        """
        ...

    def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """Look an order up by the id we gave it.

        Raises:
            BrokerUnavailable: No answer could be had, which proves nothing.
        """
        ...

    def cancel(self, broker_order_id: BrokerOrderId) -> None:
        """Ask for an order to be cancelled; what became of it shows in `find`.

        Raises:
            OrderRefused: It cannot be cancelled any more.
            BrokerUnavailable: No answer could be had.
        """
        ...

    def open_orders(self) -> list[OrderReport]:
        """Return the orders that may still fill, a bracket's legs among them."""
        ...

    def fills_since(self, moment: datetime) -> list[tuple[BrokerOrderId, Fill]]:
        """Return the fills at or after `moment`, oldest first."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """Return what the account holds."""
        ...

    def account(self) -> BrokerAccount:
        """Return whose account this is."""
        ...

    def listen(self) -> None:
        """Begin to hear of orders without asking, as far as the broker tells; waits for nothing."""
        ...

    def hush(self) -> None:
        """Hear no more; waits for nothing."""
        ...

    def updates(self) -> Iterator[OrderReport]:
        """Return the order updates that have come in since the last call, without waiting."""
        ...

    def orders_free(self) -> int:
        """Return how many new orders may be sent now without being turned away for their number."""
        ...

    def requests_free(self) -> int:
        """Return how many questions and cancels may be sent now without being turned away."""
        ...

    def told_by(self) -> int:
        """Return the number of the connection by which orders are told of, 0 while by none.

        Each connection has a number of its own: between two of them something may go untold.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """The market of what is recommended; `option` is the contract it is of, as it stands now."""

    market: MarketSeen
    option: OptionQuote | None = None


class MarketData(Protocol):
    """Where the loop takes its view of the market from, before the pure decision."""

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        """Return the market for what is recommended, None when there is no view of it.

        Raises:
            BrokerUnavailable: No answer could be had: ask again while the advice is fresh;
                `NoQuote` where there was one without a price, `QuestionRefused` where it will give
                none for this: for a short while.
        """
        ...
