"""An order, from its acceptance to its end."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where an order stands, in Alpaca's words."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    HELD = "held"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


ENDED: Final = frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED})
WORKING: Final = frozenset({Status.NEW, Status.PARTIALLY_FILLED})
NOTHING: Final = Decimal(0)

TAKE_PROFIT: Final = "take_profit"
STOP_LOSS: Final = "stop_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a client ordered."""

    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    extended_hours: bool = False
    order_class: str = ""
    position_intent: str | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    stop_loss_limit: Decimal | None = None

    @property
    def opposite(self) -> str:
        """The other side."""
        return "sell" if self.side == "buy" else "buy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution; `cumulative` is the order's filled quantity after it."""

    execution_id: str
    at: int
    qty: Decimal
    price: Decimal
    cumulative: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as it stands now; times are nanoseconds, None until they happen.

    `parent_id` is the entry that a bracket's leg belongs to; `triggered` says that a stop has been
    touched.
    """

    id: str
    terms: Terms
    position_intent: str
    status: Status
    created_at: int
    submitted_at: int
    updated_at: int
    expires_at: int
    filled_at: int | None = None
    canceled_at: int | None = None
    expired_at: int | None = None
    failed_at: int | None = None
    fills: tuple[Fill, ...] = ()
    parent_id: str | None = None
    leg: str | None = None
    leg_ids: tuple[str, ...] = ()
    triggered: bool = False
    from_stranger: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in ENDED

    @property
    def filled_qty(self) -> Decimal:
        """How much has been executed."""
        return self.fills[-1].cumulative if self.fills else NOTHING

    @property
    def average_price(self) -> Decimal | None:
        """The average price of what has been executed, None before the first fill."""
        if not self.fills:
            return None
        total = sum((fill.qty * fill.price for fill in self.fills), NOTHING)
        return total / self.filled_qty

    def remaining(self, price: Decimal) -> Decimal:
        """Return what is still to be executed; for an order by amount, what it buys at `price`."""
        if self.terms.qty is not None:
            return self.terms.qty - self.filled_qty
        spent = sum((fill.qty * fill.price for fill in self.fills), NOTHING)
        amount = (self.terms.notional or NOTHING) - spent
        return (amount / price).quantize(Decimal("1e-9"), rounding="ROUND_DOWN")

    def with_fill(self, fill: Fill, *, complete: bool) -> "Order":
        """Return the order after an execution; a cancel under way or done stays what it is."""
        if complete:
            status = Status.FILLED
        elif self.status in {Status.PENDING_CANCEL, *ENDED}:
            status = self.status
        else:
            status = Status.PARTIALLY_FILLED
        return replace(
            self,
            status=status,
            fills=(*self.fills, fill),
            filled_at=fill.at,
            updated_at=fill.at,
        )

    def becoming(self, status: Status, at: int) -> "Order":
        """Return the order in another status, with that status's time."""
        return replace(
            self,
            status=status,
            updated_at=at,
            canceled_at=at if status is Status.CANCELED else self.canceled_at,
            expired_at=at if status is Status.EXPIRED else self.expired_at,
            failed_at=at if status is Status.REJECTED else self.failed_at,
        )
