"""What becomes of a bracket's stop and target: the broker's own orders, known by its own ids. Pure.

They are told of with their entry, by the name we gave it, or alone, by the broker's name for them.
Each is ours under the name of its leg (`accounts.brackets`), and each ends by an event of its own.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from accounts.evolve import fold
from accounts.state import AccountState, End, OpenOrder
from accounts.state import OrderStatus as Standing
from brokers.broker import OrderReport, OrderStatus
from brokers.errors import OrderRefused
from consumers.dispatcher.facts import Fact, Reported, WasRefused
from consumers.dispatcher.outcomes import Writer, events_of, fills_of, incident, rejected
from events import roles
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from events.order import OrderAccepted, OrderCanceled, OrderExpired

NO_SUCH_ORDER: Final = ""
"""The broker's id of a leg that never was at the broker: its entry ended without it."""

_UNFILLED: Final = frozenset({End.REJECTED, End.FAILED, End.EXPIRED})


def events_of_family(fact: Fact, state: AccountState, writer: Writer) -> list[LogEvent]:
    """Return the events that follow from `fact` for its order and for the legs of its bracket."""
    told = events_of(fact, state, writer)
    leg = own_leg(fact, state)
    if leg is not None and isinstance(fact, Reported):
        # What a leg does before its entry's fills are known is told with them, when asked.
        if leg.parent not in state.orders:
            told += _events_of_leg(fact.report, leg, writer)
    elif legs := state.legs_of(fact.order):
        told += _events_of_legs(fact, legs, fold(told, state), writer)
    return [event for event in told if event.envelope.event_id not in state.applied]


def own_leg(fact: Fact, state: AccountState) -> OpenOrder | None:
    """Return the open leg that `fact` is about, if the broker told of one by its own id."""
    if not isinstance(fact, Reported):
        return None
    name = state.leg_ids.get(fact.report.broker_order_id)
    return None if name is None else state.orders.get(name)


def family_of(fact: Fact, state: AccountState) -> ClientOrderId:
    """Return the name by which to ask the broker of what `fact` is about: the entry's."""
    leg = own_leg(fact, state)
    return fact.order if leg is None or leg.parent is None else leg.parent


def named(report: OrderReport, state: AccountState) -> OrderReport:
    """Return `report` under our name where it is of a leg that the broker named itself."""
    name = state.leg_ids.get(report.broker_order_id)
    return report if name is None else replace(report, client_order_id=name)


def _events_of_legs(
    fact: Fact, legs: tuple[OpenOrder, ...], after: AccountState, writer: Writer
) -> Iterator[LogEvent]:
    ended = after.closed_orders.get(fact.order)
    if ended is not None and ended.end in _UNFILLED:
        for leg in legs:
            yield _canceled(leg, leg.broker_order_id or NO_SUCH_ORDER, Decimal(0), writer)
        return
    if not isinstance(fact, Reported):
        return
    told = {each.leg: each.report for each in fact.report.legs}
    for leg in legs:
        if leg.leg in told:
            yield from _events_of_leg(told[leg.leg], leg, writer)


def _events_of_leg(report: OrderReport, leg: OpenOrder, writer: Writer) -> Iterator[LogEvent]:
    if stranger := _not_ours(report, leg):
        yield from incident("leg-mismatch", stranger, leg, writer)
        return
    if leg.status is not Standing.ACCEPTED:
        yield OrderAccepted(
            envelope=writer.about(leg, roles.ACCEPTED),
            client_order_id=leg.client_order_id,
            broker_order_id=report.broker_order_id,
        )
    yield from fills_of(replace(report, client_order_id=leg.client_order_id), leg, writer)
    filled = report.fills[-1].cumulative_quantity if report.fills else Decimal(0)
    if report.status is OrderStatus.REJECTED and not filled:
        refusal = OrderRefused("rejected after acceptance")
        yield rejected(WasRefused(order=leg.client_order_id, refusal=refusal), leg, writer)
    elif report.status is OrderStatus.EXPIRED:
        yield OrderExpired(
            envelope=writer.about(leg, roles.EXPIRED),
            client_order_id=leg.client_order_id,
            broker_order_id=report.broker_order_id,
            cumulative_quantity=filled,
        )
    elif report.status is not OrderStatus.WORKING and filled < leg.terms.quantity:
        # A leg whose other leg filled in part is there for the rest alone, and is over with it.
        yield _canceled(leg, report.broker_order_id, filled, writer)


def _canceled(leg: OpenOrder, broker_order_id: str, filled: Decimal, writer: Writer) -> LogEvent:
    return OrderCanceled(
        envelope=writer.about(leg, roles.CANCELED),
        client_order_id=leg.client_order_id,
        broker_order_id=broker_order_id,
        cumulative_quantity=filled,
    )


def _not_ours(report: OrderReport, leg: OpenOrder) -> str | None:
    """A leg may be for less than its entry ordered, as far as that has filled, but not for more."""
    terms = leg.terms
    for what, theirs, ours in (
        ("symbol", report.symbol, terms.symbol),
        ("side", report.side, terms.side),
        ("limit price", report.limit_price, terms.limit_price),
        ("quantity", max(report.quantity, terms.quantity), terms.quantity),
    ):
        if theirs != ours:
            return f"the broker's {leg.leg.lower()} has {what} {theirs}, ours has {ours}"
    return None
