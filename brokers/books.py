"""A broker's books at one moment: what reconciling holds ours against."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from brokers.broker import BrokerAccount, BrokerPosition, OrderReport
from events.identifiers import BrokerOrderId, ClientOrderId


class ActivityKind(StrEnum):
    """Why a holding changed at the broker without an order of ours.

    SHARES are what an assignment or an exercise brings in or takes of the contract's underlying.
    """

    EXPIRY = "EXPIRY"
    ASSIGNMENT = "ASSIGNMENT"
    EXERCISE = "EXERCISE"
    SHARES = "SHARES"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One entry of the broker's history. `quantity_change` is signed; `price` is per share."""

    activity_id: str
    kind: ActivityKind
    symbol: str
    quantity_change: Decimal
    price: Decimal
    booked_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadOrder:
    """An order at the broker that cannot be told as ours are: by notional, of several legs, new.

    `client_order_id` is empty where the broker tells none; `told` is what it is, for a person.
    """

    broker_order_id: BrokerOrderId
    client_order_id: ClientOrderId
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerBooks:
    """What the broker has, asked for between `asked_at` and now.

    `orders` are those that are open and those that were created since the time asked for; `unread`
    are those among them that make no sense as an order of ours.
    """

    asked_at: datetime
    account: BrokerAccount
    positions: tuple[BrokerPosition, ...]
    orders: tuple[OrderReport, ...]
    activities: tuple[Activity, ...] = ()
    unread: tuple[UnreadOrder, ...] = ()


@runtime_checkable
class KeepsBooks(Protocol):
    """A broker whose books may differ from ours: it trades with others than us."""

    def books(self, since: datetime, asked_at: datetime) -> BrokerBooks:
        """Return what the broker has, with orders and activities since `since`.

        Raises:
            BrokerUnavailable: No answer could be had.
        """
        ...
