"""What must be true of a run when all is settled: our log held against the broker's own ledger."""

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from accounts.evolve import fold
from events.account import AccountHalted, IncidentRecorded
from events.catalog import LogEvent
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderRejected,
    OrderResent,
)
from stack.alpaca_server.values import moment_of
from tests.dispatcher.world import ends

Orders = list[dict[str, Any]]
_ENDS: Final = {"filled": OrderFilled, "canceled": OrderCanceled, "expired": OrderExpired}
_CENT: Final = Decimal("0.01")


def faults_of(
    events: list[LogEvent],
    orders: Orders,
    posts: Iterable[dict[str, Any]],
    wanted: Iterable[int],
) -> Iterator[str]:
    """Yield what is wrong with one account, each as a sentence; nothing where all is well.

    `orders` and `posts` are what the broker has and what came in on its wire, oldest first.
    """
    yield from _one_end_each(events, wanted)
    yield from _no_order_twice(orders)
    yield from _announced_before(events, orders, posts)
    for intent in (event for event in events if isinstance(event, OrderIntended)):
        name = intent.terms.client_order_id
        about = [event for event in events if getattr(event, "client_order_id", None) == name]
        order = next((each for each in orders if each["client_order_id"] == name), None)
        yield from _as_the_ledger_has_it(name, about, order)
    yield from _holdings(events, orders)
    for event in events:
        if isinstance(event, IncidentRecorded):
            yield f"incident {event.kind}: {event.message}"
        if isinstance(event, AccountHalted):
            yield f"halted by {event.by}: {event.reason}"


def _one_end_each(events: list[LogEvent], wanted: Iterable[int]) -> Iterator[str]:
    found = ends(events)
    for number in wanted:
        if found[number] != 1:
            yield f"recommendation {number} has {found[number]} ends"


def _no_order_twice(orders: Orders) -> Iterator[str]:
    for name, count in Counter(order["client_order_id"] for order in orders).items():
        if count > 1:
            yield f"the broker has {count} orders {name}"


def _announced_before(
    events: list[LogEvent], orders: Orders, posts: Iterable[dict[str, Any]]
) -> Iterator[str]:
    """Each POST, and each order, has an event of its own before it."""
    announced: dict[str, list[LogEvent]] = {}
    for event in events:
        if isinstance(event, OrderIntended):
            announced.setdefault(event.terms.client_order_id, []).append(event)
        elif isinstance(event, OrderResent):
            announced.setdefault(event.client_order_id, []).append(event)
    seen = Counter[str]()
    for post in posts:
        name = post["client_order_id"]
        attempts = announced.get(name, [])
        received_at = moment_of(post["received_at"])
        before = sum(attempt.envelope.occurred_at <= received_at for attempt in attempts)
        seen[name] += 1
        if seen[name] > before:
            yield f"POST {seen[name]} of {name} with {before} announcements before it"
    for order in orders:
        if order["client_order_id"] not in announced:
            yield f"the broker has {order['client_order_id']}, which the log does not know"


def _as_the_ledger_has_it(
    name: str, about: list[LogEvent], order: dict[str, Any] | None
) -> Iterator[str]:
    accepted = sum(isinstance(event, OrderAccepted) for event in about)
    fills = [event for event in about if isinstance(event, OrderFilled)]
    if order is None:
        if accepted or fills:
            yield f"{name} was accepted or filled for the log, and the broker has no such order"
        return
    refused = [event for event in about if isinstance(event, OrderRejected)]
    if accepted != 1 or refused:
        yield f"{name}: {accepted} acceptances, {len(refused)} refusals, and the broker has it"
    end = _ENDS.get(order["status"])
    if end is None or not any(isinstance(event, end) for event in about):
        yield f"{name}: {order['status']} at the broker, {[type(e).__name__ for e in about]} here"
    filled = sum((event.quantity for event in fills), Decimal(0))
    if filled != Decimal(order["filled_qty"]):
        yield f"{name}: {order['filled_qty']} filled at the broker, {filled} here"
    theirs = sum((Decimal(f["qty"]) * Decimal(f["price"]) for f in order["fills"]), Decimal(0))
    ours = sum((event.quantity * event.price for event in fills), Decimal(0))
    if abs(theirs - ours) > _CENT:
        yield f"{name}: filled for {theirs} at the broker, for {ours} here"


def _holdings(events: list[LogEvent], orders: Orders) -> Iterator[str]:
    held: dict[str, Decimal] = {}
    for order in orders:
        sign = 1 if order["side"] == "buy" else -1
        symbol = order["symbol"]
        held[symbol] = held.get(symbol, Decimal(0)) + sign * Decimal(order["filled_qty"])
    ours = {symbol: position.quantity for symbol, position in fold(events).positions.items()}
    for symbol in sorted(held.keys() | ours.keys()):
        if held.get(symbol, Decimal(0)) != ours.get(symbol, Decimal(0)):
            yield f"{symbol}: {held.get(symbol)} at the broker, {ours.get(symbol)} here"
