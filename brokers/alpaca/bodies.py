"""Alpaca's bodies, read defensively: what is missing or odd makes them no answer, never a guess."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
)

from brokers.books import Activity, ActivityKind
from brokers.broker import Fill, LegReport, OrderReport, OrderStatus
from events.identifiers import BrokerOrderId, ClientOrderId, Leg
from events.order import Side

FILL_MODEL: Final = "alpaca_paper"

_STATUSES: Final = {
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
    "replaced": OrderStatus.CANCELED,
}
"""Statuses that end an order. Every other, known or new, may still fill."""

_ACTIVITIES: Final = {
    "OPEXP": ActivityKind.EXPIRY,
    "OPASN": ActivityKind.ASSIGNMENT,
    "OPEXC": ActivityKind.EXERCISE,
    "OPTRD": ActivityKind.SHARES,
}
_LEGS: Final = {"limit": Leg.TARGET, "stop": Leg.STOP, "stop_limit": Leg.STOP}
_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
_Body = TypeVar("_Body", bound=BaseModel)


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("is a float")  # noqa: TRY004 -- pydantic collects ValueErrors
    return value


Number = Annotated[
    Decimal, BeforeValidator(_exact), Field(allow_inf_nan=False, lt=Decimal(10) ** 19)
]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]


class _Foreign(BaseModel):
    """A body of theirs: fields that are new are none of our business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class OrderBody(_Foreign):
    """An order. `qty` is absent where it was ordered by notional, which we never do."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    client_order_id: str
    symbol: str
    side: str
    status: str
    qty: Positive
    filled_qty: NotNegative = Decimal(0)
    filled_avg_price: Positive | None = None
    limit_price: Positive | None = None
    created_at: datetime
    updated_at: datetime | None = None
    filled_at: datetime | None = None
    type: str = ""
    order_class: str | None = None
    legs: Any = None

    def report(self) -> OrderReport:
        """Return it as every broker tells an order; its fills are one, cumulative.

        Raises:
            ValueError: It contradicts itself.
        """
        return OrderReport(
            broker_order_id=BrokerOrderId(self.id),
            client_order_id=ClientOrderId(self.client_order_id),
            symbol=self.symbol,
            side=_SIDES.get(self.side, Side.UNKNOWN),
            quantity=self.qty,
            limit_price=self.limit_price,
            status=_STATUSES.get(self.status, OrderStatus.WORKING),
            created_at=self.created_at,
            fills=self._fills(),
            fill_model=FILL_MODEL,
            legs=tuple(self._legs()),
        )

    def _legs(self) -> Iterator[LegReport]:
        """Yield what can be read: a leg that makes no sense must not hide its entry."""
        for found in self.legs if isinstance(self.legs, list) else ():
            body, report = read(OrderBody, found), order_report(found)
            leg = None if body is None else _LEGS.get(body.type)
            if report is not None and leg is not None:
                yield LegReport(leg=leg, report=report)

    def _fills(self) -> tuple[Fill, ...]:
        if not self.filled_qty:
            return ()
        if self.filled_avg_price is None:
            raise ValueError(f"{self.filled_qty} filled of order {self.id}, but at no price")
        if self.filled_qty > self.qty:
            raise ValueError(f"{self.filled_qty} filled of order {self.id} over {self.qty}")
        return (
            Fill(
                quantity=self.filled_qty,
                price=self.filled_avg_price,
                cumulative_quantity=self.filled_qty,
                fees=Decimal(0),
                filled_at=self.filled_at or self.updated_at or self.created_at,
            ),
        )


class ErrorBody(_Foreign):
    """What Alpaca says when it refuses; without a code it may be somebody else who says it."""

    code: StrictInt | None = None
    message: Annotated[str, Field(min_length=1)]


class AccountBody(_Foreign):
    """The account, in US dollars."""

    account_number: Annotated[str, Field(min_length=1)]
    status: str
    cash: Number
    equity: Number
    last_equity: Number
    buying_power: Number
    options_buying_power: Number | None = None
    options_trading_level: int | None = None
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False

    @property
    def blocked(self) -> str:
        """Why the account may not trade, in words; empty where it may."""
        faults = {
            f"its status is {self.status}": self.status != "ACTIVE",
            "trading is blocked": self.trading_blocked,
            "the account is blocked": self.account_blocked,
            "its owner has suspended trading": self.trade_suspended_by_user,
        }
        return ", ".join(words for words, is_so in faults.items() if is_so)


class ClockBody(_Foreign):
    """The broker's clock, with its offset, and whether the exchange is open."""

    timestamp: AwareDatetime
    is_open: bool


class PositionBody(_Foreign):
    """A holding; `qty` is negative when short."""

    symbol: str
    qty: Number
    avg_entry_price: Number | None = None
    asset_class: str = ""


class ActivityBody(_Foreign):
    """An entry of the account's history: a fill, an expiry, an assignment, an exercise."""

    id: str
    activity_type: str
    symbol: str | None = None
    order_id: str | None = None
    side: str | None = None
    qty: Number | None = None
    cum_qty: Number | None = None
    price: Number | None = None
    transaction_time: datetime | None = None
    date: str | None = None
    net_amount: Number | None = None

    def adjustment(self) -> Activity | None:
        """Return what it changed of a holding, None where it is no such entry."""
        kind = _ACTIVITIES.get(self.activity_type)
        if kind is None or self.symbol is None or self.qty is None:
            return None
        return Activity(
            activity_id=self.id,
            kind=kind,
            symbol=self.symbol,
            quantity_change=self.qty,
            price=self.price or Decimal(0),
            booked_on=self.date or "",
        )


def read(kind: type[_Body], found: Any) -> _Body | None:  # noqa: ANN401 -- a foreign body
    """Return `found` as a `kind`, None where it is none."""
    try:
        return kind.model_validate(found)
    except ValidationError:
        return None


def order_report(found: Any) -> OrderReport | None:  # noqa: ANN401 -- a foreign body
    """Return `found` as every broker tells an order, None where it makes no sense as one."""
    body = read(OrderBody, found)
    try:
        return None if body is None else body.report()
    except ValueError:
        return None


def exact_json(text: bytes) -> Any:  # noqa: ANN401 -- as above
    """Return JSON with its numbers exact.

    Raises:
        ValueError: It is none; NaN and infinities are no numbers of money.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number of money")
