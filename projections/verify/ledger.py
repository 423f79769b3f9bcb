"""One account's orders and holdings, kept as a clerk would: a dictionary, line by line.

It shares nothing with the fold that decisions go by, and is held against it by the tables. What
each event makes of it is in `booking`.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
from events.order import OrderTerms
from projections.ids import Ids
from projections.verify.holdings import Holding

_NEW_YORK: Final = ZoneInfo("America/New_York")

Place = tuple[int, Leg]


@dataclass(slots=True)
class Order:
    """An order: open, or over by `end`; "" is an end of which only the broker knows fills.

    `awaited` is what had filled by the broker's word at the end, and no fill has told yet.
    """

    place: Place
    terms: OrderTerms
    status: str = "intended"
    attempts: int = 1
    broker_order_id: str | None = None
    filled: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    end: str | None = None
    ended_by: UUID | None = None
    awaited: Decimal = Decimal(0)

    @property
    def expected(self) -> Decimal:
        """What of it may fill yet."""
        return self.terms.quantity - self.filled if self.end is None else self.awaited


@dataclass(slots=True)
class Places:
    """Recommendations' legs, of which an account gathers as many as it is advised."""

    legs: dict[Leg, Ids] = field(default_factory=dict)

    def __contains__(self, place: object) -> bool:
        """Say whether it is among them; None never is."""
        if not isinstance(place, tuple):
            return False
        number, leg = place
        return leg in self.legs and number in self.legs[leg]

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.legs.values()))

    def add(self, place: Place) -> None:
        """Add one."""
        number, leg = place
        self.legs.setdefault(leg, Ids()).add(number)


@dataclass(slots=True)
class Ledger:
    """An account's orders, holdings, prices, cash and counts. Money is US dollars."""

    account_name: str
    fifo: bool = False
    cash: Decimal = Decimal(0)
    paid_in: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    peak: Decimal = Decimal(0)
    orders: dict[str, Order] = field(default_factory=dict)
    working: set[str] = field(default_factory=set)
    awaiting: set[str] = field(default_factory=set)
    holdings: dict[str, Holding] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    decided: Places = field(default_factory=Places)
    filled: Places = field(default_factory=Places)
    failed: set[Place] = field(default_factory=set)
    once: set[UUID] = field(default_factory=set)
    ends: dict[str, int] = field(default_factory=dict)
    executed_on: dict[date, int] = field(default_factory=dict)
    incidents: int = 0
    day: date | None = None
    equity_at_start: Decimal = Decimal(0)

    def order_of(self, event: Any) -> str:  # noqa: ANN401 -- any event about a recommendation
        """Return the client order id that an event names, or else leaves to be derived."""
        named: str | None = getattr(event, "client_order_id", None)
        about = event.envelope
        return named or client_order_id(
            AccountName(self.account_name),
            RecommendationId(about.recommendation_id),
            about.leg or Leg.ENTRY,
        )

    def incident(self, event_id: UUID) -> None:
        """Count something that must not be, once."""
        self.incidents += 1
        self.once.add(event_id)

    def open_orders(self) -> list[Order]:
        """Return the orders that can still be filled."""
        return [self.orders[name] for name in self.working]

    def expected_orders(self) -> list[Order]:
        """Return the orders of which more will or may be told to have filled."""
        return [self.orders[name] for name in self.working | self.awaiting]

    def held_cost(self) -> Decimal:
        """Return what all holdings cost, long or short."""
        return sum((abs(held.cost) for held in self.holdings.values()), Decimal(0))

    def reserved(self) -> Decimal:
        """Return what orders may yet cost."""
        return sum(
            (
                one.terms.worst_price * one.expected * one.terms.multiplier
                for one in self.expected_orders()
                if not one.terms.closes_position
            ),
            Decimal(0),
        )

    def exposure(self) -> Decimal:
        """Return what is at stake."""
        return self.held_cost() + self.reserved()

    def equity(self) -> Decimal:
        """Return cash and what holdings are worth, at cost where no price was seen."""
        return self.cash + sum(
            (
                held.cost if (worth := self.worth(symbol)) is None else worth
                for symbol, held in self.holdings.items()
            ),
            Decimal(0),
        )

    def worth(self, symbol: str) -> Decimal | None:
        """Return what a holding is worth at the price seen last, None without one."""
        held, price = self.holdings[symbol], self.prices.get(symbol)
        return None if price is None else held.quantity * price * held.multiplier

    def count(self, end: str, place: Place, by: int = 1) -> None:
        """Count an end of a recommendation: of its entry, not of its stop or target."""
        if place[1] is Leg.ENTRY:
            self.ends[end] = self.ends.get(end, 0) + by


def new_york_day(moment: Any) -> date:  # noqa: ANN401 -- an aware datetime
    """Return the date in New York."""
    day: date = moment.astimezone(_NEW_YORK).date()
    return day
