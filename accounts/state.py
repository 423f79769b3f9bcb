"""What an account is, folded from its own log: immutable, so that a scratch copy costs nothing."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from immutables import Map

from accounts.idset import IdSet
from events.account import AccountOpened
from events.identifiers import BrokerOrderId, ClientOrderId, Leg, RecommendationId
from events.order import OrderTerms
from events.recommendation import InstrumentType

ZERO: Final = Decimal(0)
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
class Position:
    """A holding. `quantity` is signed, `cost` is US dollars of the same sign (fees apart)."""

    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    quantity: Decimal
    cost: Decimal

    @property
    def average_price(self) -> Decimal:
        """US dollars per share that the holding cost on average."""
        return self.cost / (self.quantity * self.multiplier)


class OrderStatus(StrEnum):
    """Where an open order stands. INTENDED and UNKNOWN are unresolved: it may or may not exist."""

    INTENDED = "INTENDED"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"


class End(StrEnum):
    """How a recommendation ended for this account; each ends once."""

    EXECUTED = "EXECUTED"
    DECLINED = "DECLINED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An intent without outcome, or an order that works at the broker.

    `attempts` counts POSTs announced so far; `submit_before` and `answer_within_ms` are the last
    one's, `attempted_at` when it was announced; `cumulative_notional` is the sum of price x
    quantity (no multiplier).
    """

    recommendation_id: RecommendationId
    leg: Leg
    terms: OrderTerms
    status: OrderStatus
    intent_event_id: UUID
    intended_at: datetime
    attempted_at: datetime
    attempts: int
    fresh_until: datetime
    submit_before: datetime
    answer_within_ms: int
    broker_order_id: BrokerOrderId | None = None
    cumulative_quantity: Decimal = ZERO
    cumulative_notional: Decimal = ZERO

    @property
    def client_order_id(self) -> ClientOrderId:
        """The broker's idempotency key of this order."""
        return ClientOrderId(self.terms.client_order_id)

    @property
    def unresolved(self) -> bool:
        """Whether nobody knows yet if the broker has it."""
        return self.status is not OrderStatus.ACCEPTED

    @property
    def open_quantity(self) -> Decimal:
        """Shares or contracts that can still be filled."""
        return self.terms.quantity - self.cumulative_quantity

    @property
    def reserved(self) -> Decimal:
        """US dollars of exposure the rest of it holds: 0 where it closes a position."""
        if self.terms.closes_position:
            return ZERO
        return self.terms.worst_price * self.open_quantity * self.terms.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedOrder:
    """An order that ended with something unfilled: kept so that a late fill counts once.

    `end` is None while only the broker's word says that something had filled.
    """

    order: OpenOrder
    end: End | None
    closed_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerDay:
    """A ticker's trading: entries intended on `day` (New York), and its last order of any kind."""

    day: date
    entries: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How many recommendations ended, and how."""

    executed: int = 0
    declined: int = 0
    rejected: int = 0
    expired: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """How many have ended at all."""
        return self.executed + self.declined + self.rejected + self.expired + self.failed

    def plus(self, end: End, count: int = 1) -> "Ends":
        """Return the counts with `count` more of `end`."""
        match end:
            case End.EXECUTED:
                return replace(self, executed=self.executed + count)
            case End.DECLINED:
                return replace(self, declined=self.declined + count)
            case End.REJECTED:
                return replace(self, rejected=self.rejected + count)
            case End.EXPIRED:
                return replace(self, expired=self.expired + count)
            case End.FAILED:
                return replace(self, failed=self.failed + count)


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
class AccountState:
    """One account, folded. Money is US dollars; realised P&L is before fees, by average cost.

    `held_cost` and `reserved` are sums kept as events come, so that exposure costs the same on the
    first day and after a year. `decided` holds `decision_number`s and forgets none. `applied`
    holds the ids of the rare events that repetition alone would not reveal: halts, adjustments,
    incidents.
    """

    opened: AccountOpened | None = None
    trading: Trading = Trading()
    cash: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    positions: Map[str, Position] = field(default_factory=Map)
    held_cost: Decimal = ZERO
    orders: Map[ClientOrderId, OpenOrder] = field(default_factory=Map)
    reserved: Decimal = ZERO
    peak_exposure: Decimal = ZERO
    closed_orders: Map[ClientOrderId, ClosedOrder] = field(default_factory=Map)
    decided: IdSet = field(default_factory=IdSet)
    filled: IdSet = field(default_factory=IdSet)
    failed: IdSet = field(default_factory=IdSet)
    ends: Ends = Ends()
    last_prices: Map[str, Decimal] = field(default_factory=Map)
    ticker_days: Map[str, TickerDay] = field(default_factory=Map)
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

    def is_decided(self, recommendation: RecommendationId, leg: Leg = Leg.ENTRY) -> bool:
        """Whether this account has decided (or failed) that leg of the recommendation."""
        return decision_number(recommendation, leg) in self.decided

    def with_incident(self, event_id: UUID) -> "AccountState":
        """Return the state that has counted the event as an incident, which it will not again."""
        return replace(self, incidents=self.incidents + 1, applied=self.applied.set(event_id, None))

    def unresolved(self) -> tuple[OpenOrder, ...]:
        """Return the orders of which nobody knows yet if the broker has them."""
        return tuple(order for order in self.orders.values() if order.unresolved)

    @property
    def exposure(self) -> Decimal:
        """US dollars at stake: cost of holdings + what open and unresolved orders may yet cost."""
        return self.held_cost + self.reserved

    def open_symbols(self) -> frozenset[str]:
        """Return the symbols held or on their way in."""
        on_the_way = (o.terms.symbol for o in self.orders.values() if not o.terms.closes_position)
        return frozenset(self.positions).union(on_the_way)

    @property
    def open_position_count(self) -> int:
        """How many symbols are held or on their way in."""
        return len(self.open_symbols())

    @property
    def open_pnl(self) -> Decimal:
        """US dollars won or lost on what is held, at the prices seen last."""
        worth = sum((self._worth(position) for position in self.positions.values()), ZERO)
        return worth - sum((position.cost for position in self.positions.values()), ZERO)

    @property
    def equity(self) -> Decimal:
        """US dollars of cash and holdings, at the prices seen last."""
        return self.cash + sum((self._worth(held) for held in self.positions.values()), ZERO)

    def _worth(self, position: Position) -> Decimal:
        price = self.last_prices.get(position.symbol)
        if price is None:
            return position.cost
        return position.quantity * price * position.multiplier


def decision_number(recommendation: int, leg: Leg) -> int:
    """Return one number for (recommendation, leg), dense so that neighbours share a chunk."""
    return recommendation << 2 | _LEG_BITS[leg]
