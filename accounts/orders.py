"""An account's orders: those that are open, those that ended, and how recommendations end."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from accounts.changing import changed
from accounts.lots import ZERO
from events.identifiers import BrokerOrderId, ClientOrderId, Leg, RecommendationId
from events.order import OrderTerms


class OrderStatus(StrEnum):
    """Where an open order stands. INTENDED and UNKNOWN are unresolved: it may or may not exist.

    WAITING is a stop or a target that goes with its entry, until the broker's name for it is known.
    """

    INTENDED = "INTENDED"
    UNKNOWN = "UNKNOWN"
    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"


_UNRESOLVED: Final = frozenset({OrderStatus.INTENDED, OrderStatus.UNKNOWN})


class End(StrEnum):
    """How a recommendation ended for this account; each ends once."""

    EXECUTED = "EXECUTED"
    DECLINED = "DECLINED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)  # no slots: `accounts.changing` copies it on every event
class OpenOrder:
    """An intent without outcome, or an order that works at the broker.

    `attempts` counts POSTs announced so far; `submit_before` and `answer_within_ms` are the last
    one's, `attempted_at` when it was announced; `cumulative_notional` is the sum of price x
    quantity (no multiplier). `parent` names the entry whose stop or target it is.
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
    parent: ClientOrderId | None = None

    @property
    def client_order_id(self) -> ClientOrderId:
        """The broker's idempotency key of this order."""
        return ClientOrderId(self.terms.client_order_id)

    @property
    def of_bracket(self) -> bool:
        """Whether it is the stop or the target of another order."""
        return self.parent is not None

    @property
    def unresolved(self) -> bool:
        """Whether nobody knows yet if the broker has it."""
        return self.status in _UNRESOLVED

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


@dataclass(frozen=True, kw_only=True)  # no slots: as above
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
                return changed(self, executed=self.executed + count)
            case End.DECLINED:
                return changed(self, declined=self.declined + count)
            case End.REJECTED:
                return changed(self, rejected=self.rejected + count)
            case End.EXPIRED:
                return changed(self, expired=self.expired + count)
            case End.FAILED:
                return changed(self, failed=self.failed + count)
