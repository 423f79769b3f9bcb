"""What an account is, folded from its own log: immutable, so that a scratch copy costs nothing."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from immutables import Map

from accounts.changing import changed
from accounts.closed_orders import ClosedOrder, ClosedOrders
from accounts.days import DayBook, TickerDay, within_minute
from accounts.holdings import Position
from accounts.idset import IdSet
from accounts.lots import ZERO
from accounts.orders import End, Ends, OpenOrder, OrderStatus
from events.account import AccountOpened
from events.identifiers import BrokerOrderId, ClientOrderId, Leg, RecommendationId

__all__ = [
    "ZERO",
    "AccountState",
    "BrokerFigures",
    "ClosedOrder",
    "DayBook",
    "End",
    "Ends",
    "OpenOrder",
    "OrderStatus",
    "Position",
    "TickerDay",
    "Trading",
    "TradingStatus",
    "Version",
    "decision_number",
]

_LEG_BITS: Final = {Leg.UNKNOWN: 3, Leg.ENTRY: 0, Leg.STOP: 1, Leg.TARGET: 2}


class TradingStatus(StrEnum):
    """What the account may do: trade, only reduce, or place no order at all."""

    ACTIVE = "ACTIVE"
    REDUCED = "REDUCED"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trading:
    """The trading status, and who brought it about, when and why.

    With `cancel_open` every order that is open, or turns out to be, is to be cancelled.
    """

    status: TradingStatus = TradingStatus.ACTIVE
    since: datetime | None = None
    by: str = ""
    reason: str = ""
    cancel_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Who decided last: the run that took the seat last, its build, configuration and limits.

    `limits` is the JSON text of what it decides under, whatever a configuration says by now.
    """

    started_at: datetime
    run_id: UUID
    build: str
    config_hash: str
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFigures:
    """The broker's own figures in US dollars at the newest reconciliation; None: it keeps none.

    `last_equity` is its equity at the close of the trading day before.
    """

    at: datetime
    cash: Decimal | None
    equity: Decimal | None
    last_equity: Decimal | None
    buying_power: Decimal | None


@dataclass(frozen=True, kw_only=True)  # no slots: `accounts.changing` copies it on every event
class AccountState:
    """One account, folded. Money is US dollars; realised P&L is before fees.

    What a gate asks is kept as events come, so that it costs the same on the first day and after
    a year: sums (`held_cost` of absolute costs, `net_cost` of signed ones, `market_value`,
    `reserved`, `closing`: the open quantity of closing orders by symbol), the names of open orders
    (`inbound` entries by symbol, `unresolved_orders` by ticker, each oldest first) and counts.
    `accounts.books` keeps them. Of a bracket's two legs, which exclude each other, `closing` counts
    the larger one. `leg_ids` holds our names of such legs by the broker's, of those ended, too.
    `decided` holds `decision_number`s and forgets none. `applied` holds the ids of the rare events
    that repetition alone would not reveal: halts, adjustments, incidents. `recent_orders` are the
    times of the orders intended in the newest one's minute.
    """

    opened: AccountOpened | None = None
    trading: Trading = Trading()
    cash: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    positions: Map[str, Position] = field(default_factory=Map)
    held_cost: Decimal = ZERO
    net_cost: Decimal = ZERO
    market_value: Decimal = ZERO
    orders: Map[ClientOrderId, OpenOrder] = field(default_factory=Map)
    reserved: Decimal = ZERO
    closing: Map[str, Decimal] = field(default_factory=Map)
    inbound: Map[str, tuple[ClientOrderId, ...]] = field(default_factory=Map)
    unresolved_orders: Map[str, tuple[ClientOrderId, ...]] = field(default_factory=Map)
    open_position_count: int = 0
    peak_exposure: Decimal = ZERO
    closed_orders: ClosedOrders = field(default_factory=ClosedOrders)
    decided: IdSet = field(default_factory=IdSet)
    filled: IdSet = field(default_factory=IdSet)
    failed: IdSet = field(default_factory=IdSet)
    leg_ids: Map[BrokerOrderId, ClientOrderId] = field(default_factory=Map)
    ends: Ends = field(default_factory=Ends)
    last_prices: Map[str, Decimal] = field(default_factory=Map)
    ticker_days: Map[str, TickerDay] = field(default_factory=Map)
    day: DayBook | None = None
    recent_orders: tuple[datetime, ...] = ()
    next_recommendation_offset: int = 0
    next_command_offset: int = 0
    clock_at: datetime | None = None
    failures_in_row: int = 0
    failing_tickers: frozenset[str] = frozenset()
    incidents: int = 0
    applied: Map[UUID, None] = field(default_factory=Map)
    version: Version | None = None
    reconciled_at: datetime | None = None
    differences: tuple[str, ...] = ()
    broker: BrokerFigures | None = None

    def is_decided(self, recommendation: RecommendationId, leg: Leg = Leg.ENTRY) -> bool:
        """Whether this account has decided (or failed) that leg of the recommendation."""
        return decision_number(recommendation, leg) in self.decided

    def with_incident(self, event_id: UUID) -> "AccountState":
        """Return the state that has counted the event as an incident, which it will not again."""
        return changed(self, incidents=self.incidents + 1, applied=self.applied.set(event_id, None))

    @property
    def exposure(self) -> Decimal:
        """US dollars at stake: cost of holdings + what open and unresolved orders may yet cost."""
        return self.held_cost + self.reserved

    @property
    def equity(self) -> Decimal:
        """US dollars of cash and holdings, at the prices seen last (at cost where none was)."""
        return self.cash + self.market_value

    @property
    def open_pnl(self) -> Decimal:
        """US dollars won or lost on what is held, at the prices seen last."""
        return self.market_value - self.net_cost

    def pnl_on(self, day: date) -> Decimal:
        """US dollars won or lost since the start of `day` (New York): realised, open and fees.

        Equity now less equity just before the day's first event about a recommendation; 0 while
        there was none. A `day` before the newest one gets the newest one's.
        """
        book = self.day
        return ZERO if book is None or book.day < day else self.equity - book.equity_at_start

    def orders_on(self, day: date) -> int:
        """How many orders, entries and exits, were intended on `day` (New York) or later."""
        return 0 if self.day is None or self.day.day < day else self.day.orders

    def orders_within_minute(self, now: datetime) -> int:
        """How many orders were intended less than 60 s before `now`; 1,024 at most."""
        return within_minute(self.recent_orders, now)

    def legs_of(self, entry: ClientOrderId) -> tuple[OpenOrder, ...]:
        """Return the open legs of the bracket whose entry has that name; O(open orders)."""
        return tuple([order for order in self.orders.values() if order.parent == entry])

    def is_open(self, symbol: str) -> bool:
        """Whether `symbol` is held or on its way in."""
        return symbol in self.positions or symbol in self.inbound

    def inbound_order(self, symbol: str) -> ClientOrderId | None:
        """Return the oldest open order that brings more of `symbol` in, long or short."""
        names = self.inbound.get(symbol)
        return None if names is None else names[0]

    def unresolved_on(self, ticker: str) -> ClientOrderId | None:
        """Return the oldest order on `ticker` of which nobody knows yet if the broker has it."""
        names = self.unresolved_orders.get(ticker)
        return None if names is None else names[0]

    def closing_quantity(self, symbol: str) -> Decimal:
        """Return what of `symbol` the open closing orders may still take."""
        return self.closing.get(symbol, ZERO)

    def unresolved(self) -> tuple[OpenOrder, ...]:
        """Return the orders of which nobody knows yet if the broker has them, oldest first."""
        names = (name for those in self.unresolved_orders.values() for name in those)
        return tuple(sorted((self.orders[name] for name in names), key=_age))

    def open_symbols(self) -> frozenset[str]:
        """Return the symbols held or on their way in; a gate asks `is_open` instead."""
        return frozenset(self.positions).union(self.inbound)


def decision_number(recommendation: int, leg: Leg) -> int:
    """Return one number for (recommendation, leg), dense so that neighbours share a chunk."""
    return recommendation << 2 | _LEG_BITS[leg]


def _age(order: OpenOrder) -> tuple[datetime, str]:
    return order.intended_at, order.terms.client_order_id
