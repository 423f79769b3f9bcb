"""The events that follow from what the broker said, or did not say. Pure.

A fact turns into events against the state of that moment: what the log knows already yields
nothing, so a fact that is told twice, or again after a crash, is written once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from accounts.closed_orders import Order
from accounts.decide import failure_of_order, plain_text
from accounts.limits import Limits
from accounts.state import AccountState, OpenOrder, Trading, TradingStatus
from accounts.state import OrderStatus as Standing
from brokers.broker import OrderReport, OrderStatus
from brokers.errors import OrderRefused
from consumers.dispatcher.facts import Fact, IsUnclear, KeyRefused, NeverSent, Reported, WasRefused
from events import roles
from events.account import AccountHalted, IncidentRecorded
from events.author import Author
from events.catalog import LogEvent
from events.decision import Stage
from events.envelope import Envelope
from events.identifiers import Leg, RecommendationId, client_order_id, event_id
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)
from events.values import money, quantity

CLOCK_TOLERANCE: Final = timedelta(seconds=5)
"""How far the broker's clock may be behind ours before an order of ours looks older than it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What stands on every event of this moment, and what an attempt and a day may take."""

    author: Author
    now: datetime
    limits: Limits
    submit_window_ms: int
    answer_within_ms: int

    def about(self, order: Order, role: str) -> Envelope:
        """Return the envelope of an event about `order`."""
        return self.author.about_recommendation(
            RecommendationId(order.recommendation_id),
            role,
            leg=order.leg,
            occurred_at=self.now,
            causation_id=str(_intent_of(order, self.author)),
        )


def events_of(fact: Fact, state: AccountState, writer: Writer) -> list[LogEvent]:
    """Return the events that follow from `fact`, none where the log knows them all."""
    order = state.orders.get(fact.order)
    if order is None:
        return []  # it ended in the log already
    told = _told(fact, order, state.trading, writer)
    return [event for event in told if event.envelope.event_id not in state.applied]


def _told(fact: Fact, order: OpenOrder, trading: Trading, writer: Writer) -> Iterator[LogEvent]:
    match fact:
        case Reported():
            yield from _reported(fact, order, writer)
        case KeyRefused():
            pass  # the account hears of it
        case IsUnclear():
            yield OrderOutcomeUnknown(
                envelope=writer.about(order, roles.outcome_unknown(fact.attempt)),
                client_order_id=fact.order,
                attempt=fact.attempt,
                how=plain_text(fact.how),
            )
        case NeverSent() | WasRefused() if order.status is Standing.ACCEPTED:
            # What was refused is a repetition of it, and then it was not found any more.
            vanished = "the broker accepted the order and has no such order now"
            yield from incident("order-vanished", vanished, order, writer)
        case WasRefused():
            yield rejected(fact, order, writer)
        case NeverSent() if fact.attempt in (None, order.attempts):
            yield _again_or_never(fact, order, trading, writer)
        case NeverSent():
            pass  # told of an attempt that another has followed


def _again_or_never(
    fact: NeverSent, order: OpenOrder, trading: Trading, writer: Writer
) -> LogEvent:
    """Send the same order again while its advice is fresh and trading is on; else it has failed."""
    if fact.withheld:
        return failure_of_order(
            order, f"NeverSent: {fact.why}", writer.author, writer.now, Stage.HALTED
        )
    allowed = trading.status is TradingStatus.ACTIVE or (
        trading.status is TradingStatus.REDUCED and order.terms.closes_position
    )
    if allowed and writer.now < order.fresh_until:
        number = order.attempts + 1
        return OrderResent(
            envelope=writer.about(order, roles.attempt(number)),
            client_order_id=fact.order,
            attempt=number,
            submit_before=min(
                writer.now + timedelta(milliseconds=writer.submit_window_ms), order.fresh_until
            ),
            answer_within_ms=writer.answer_within_ms,
            reason=fact.why,
        )
    reason = (
        "by now it is too late to send: the recommendation is too old, or its session over"
        if allowed
        else f"the account is {trading.status.lower()}"
    )
    stage = Stage.SETTLE if allowed else Stage.HALTED
    return failure_of_order(
        order, f"NeverSent: {fact.why}; {reason}", writer.author, writer.now, stage
    )


def rejected(fact: WasRefused, order: OpenOrder, writer: Writer) -> LogEvent:
    """Return that the broker does not want `order`."""
    return OrderRejected(
        envelope=writer.about(order, roles.REJECTED),
        client_order_id=fact.order,
        status=fact.refusal.status,
        code=fact.refusal.code,
        rejection_class=fact.refusal.rejection_class,
        message=plain_text(fact.refusal.message),
    )


def _reported(fact: Reported, order: OpenOrder, writer: Writer) -> Iterator[LogEvent]:
    report = fact.report
    if stranger := _not_ours(fact, order):
        yield from incident("order-mismatch", stranger, order, writer)
        return
    over = report.status in (OrderStatus.CANCELED, OrderStatus.REJECTED)
    if report.status is OrderStatus.REJECTED and not (report.fills or order.cumulative_quantity):
        yield rejected(
            WasRefused(order=fact.order, refusal=OrderRefused("rejected after acceptance")),
            order,
            writer,
        )
        return
    if order.status is not Standing.ACCEPTED:
        yield OrderAccepted(
            envelope=writer.about(order, roles.ACCEPTED),
            client_order_id=fact.order,
            broker_order_id=report.broker_order_id,
            adopted=fact.looked_up,
        )
    yield from fills_of(report, order, writer)
    filled = report.fills[-1].cumulative_quantity if report.fills else Decimal(0)
    if over:  # rejected with something filled: what had filled stays, the rest is over
        yield OrderCanceled(
            envelope=writer.about(order, roles.CANCELED),
            client_order_id=fact.order,
            broker_order_id=report.broker_order_id,
            cumulative_quantity=filled,
        )
    if report.status is OrderStatus.EXPIRED:
        yield OrderExpired(
            envelope=writer.about(order, roles.EXPIRED),
            client_order_id=fact.order,
            broker_order_id=report.broker_order_id,
            cumulative_quantity=filled,
        )


def fills_of(report: OrderReport, order: Order, writer: Writer) -> Iterator[OrderFilled]:
    """Yield the fills of `report` that the log does not know, each by its cumulative quantity."""
    known, notional = order.cumulative_quantity, order.cumulative_notional
    told = Decimal(0)
    for fill in report.fills:
        told += fill.price * fill.quantity
        new = fill.cumulative_quantity - known
        if new <= 0:
            continue
        price, total = fill.price, notional + fill.price * new
        if new != fill.quantity:
            # A broker that tells no single fills: what is new is what its total has more than ours.
            total = money(told)
            price = (total - notional) / new
            if price <= 0:
                raise ValueError(
                    f"{fill.cumulative_quantity:f} filled for {told:f} in all, but "
                    f"{known:f} of them were told to have cost {notional:f}"
                )
        known, notional = fill.cumulative_quantity, total
        yield OrderFilled(
            envelope=writer.about(order, roles.fill(fill.cumulative_quantity)),
            client_order_id=report.client_order_id,
            broker_order_id=report.broker_order_id,
            fill_key=roles.fill_key(fill.cumulative_quantity),
            ticker=order.terms.ticker,
            symbol=order.terms.symbol,
            instrument_type=order.terms.instrument_type,
            multiplier=order.terms.multiplier,
            side=order.terms.side,
            quantity=quantity(new),
            price=money(price),
            cumulative_quantity=quantity(fill.cumulative_quantity),
            cumulative_notional=money(notional),
            fees=money(fill.fees),
            filled_at=fill.filled_at,
            fill_model=report.fill_model,
            slippage_bps=report.slippage_bps,
        )


def _not_ours(fact: Reported, order: OpenOrder) -> str | None:
    report, terms = fact.report, order.terms
    for what, theirs, ours in (
        ("symbol", report.symbol, terms.symbol),
        ("side", report.side, terms.side),
        ("quantity", report.quantity, terms.quantity),
        ("limit price", report.limit_price, terms.limit_price),
    ):
        if theirs != ours:
            return f"the broker's order has {what} {theirs}, ours has {ours}"
    # What answered our own POST was made by it, whatever the broker's clock says, then and later.
    is_known = report.broker_order_id == order.broker_order_id or not fact.looked_up
    if not is_known and report.created_at < order.intended_at - CLOCK_TOLERANCE:
        return f"the broker's order is from {report.created_at}, before our intent"
    return None


def _intent_of(order: Order, author: Author) -> UUID:
    if isinstance(order, OpenOrder):
        return order.intent_event_id
    leg = Leg.ENTRY if order.of_bracket else order.leg
    return event_id(
        author.account, f"recommendation:{order.recommendation_id}", leg, roles.DECISION
    )


def incident(kind: str, message: str, order: Order, writer: Writer) -> Iterator[LogEvent]:
    """Yield that something happened to `order` which a person must look at, and the halt for it."""
    name = client_order_id(writer.author.account, order.recommendation_id, order.leg)
    yield IncidentRecorded(
        envelope=writer.about(order, roles.incident(kind)),
        kind=kind,
        message=plain_text(message),
        client_order_id=name,
    )
    yield AccountHalted(
        envelope=writer.about(order, roles.halt(kind)),
        by="dispatcher",
        reason=plain_text(f"order {name}: {message}; find out at the broker"),
    )
