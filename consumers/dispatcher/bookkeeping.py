"""What a look at the broker's books puts into the log. Pure.

Known orders are told as any answer is, elsewhere. Here: what came of an option's end, orders that
our log had ended and the broker has, differences, and the broker's figures.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from accounts.calendar import exchange_day
from accounts.decide import plain_text
from accounts.halting import (
    Halt,
    halt_after_another_account,
    halt_after_loss,
    halt_after_reconciliation,
    halt_after_refused_credentials,
)
from accounts.state import AccountState, BrokerFigures, ClosedOrder, End
from brokers.books import BrokerBooks
from brokers.broker import OrderReport, OrderStatus
from brokers.errors import CredentialsRefused
from consumers.dispatcher.option_ends import adjustments
from consumers.dispatcher.outcomes import Writer, fills_of, incident
from consumers.dispatcher.reconciler import AnotherAccount, Found, Look
from consumers.dispatcher.reconciling import reconciled
from consumers.dispatcher.recording import Outcomes
from consumers.dispatcher.seat import Record
from events import roles
from events.account import AccountHalted, AccountReconciled, AdjustmentKind, PositionAdjusted
from events.catalog import LogEvent
from events.order import OrderFilled, Side
from events.values import quantity

FIGURES_EVERY: Final = timedelta(minutes=2)
"""How old the broker's figures may get in the log, which keeps each for ever, while they change."""


def entries(
    state: AccountState,
    found: Look,
    writer: Writer,
    encode: Callable[[LogEvent], Record],
) -> Outcomes:
    """Return what `found` adds to the log, none where the log says it all."""
    told = Outcomes(state, facts=())
    if not isinstance(found, Found):  # nothing of these books is to be believed
        stopped = _halt_after(found, state, writer)
        if stopped is not None:
            told.add(stopped, encode(stopped))
        return told

    def add(events: Iterable[LogEvent]) -> None:
        for event in events:
            if event.envelope.event_id not in told.state.applied:
                told.add(event, encode(event))

    add(adjustments(state, found.books.activities, writer.author, writer.now))
    for report in found.comparison.late:
        ended = told.state.closed_orders.get(report.client_order_id)
        if ended is not None:
            add(late_events(report, ended, writer))
    if not _is_news(state, found, writer):
        return told
    event = reconciled(found.confirmed, found.books, writer.author, writer.now)
    reported = {plain_text(one) for one in found.comparison.reported}
    halting = [one for one in event.differences if one not in reported]
    news = halting if set(halting) - set(state.differences) else []
    told.add(event, encode(event))
    halt = _halt(event, news, told.state, writer)
    if halt is not None:
        told.add(halt, encode(halt))
    return told


def _halt(
    event: AccountReconciled, differences: Sequence[str], state: AccountState, writer: Writer
) -> Halt | None:
    author, cause, now = writer.author, event.envelope, writer.now
    halt: Halt | None = halt_after_reconciliation(state, differences, cause, author, now)
    return halt or halt_after_loss(state, cause, writer.limits, author, now)


def late_events(report: OrderReport, ended: ClosedOrder, writer: Writer) -> Iterator[LogEvent]:
    """Yield the events of an order that the log had ended and the broker has nevertheless.

    More fills of an order that was cancelled or has expired are fills. An order that failed here
    and lives there is an incident, which halts the account; what it fills changes the holding, each
    fill by the order's cumulative quantity, as any fill does, but is no second end of the advice.
    """
    works = report.status is OrderStatus.WORKING
    never = ended.end in (End.FAILED, End.REJECTED)
    if never or works:
        was = "ended" if ended.end is None else ended.end.lower()
        message = f"the broker has it as {report.status.lower()}, our log as {was}"
        yield from incident("order-late", message, ended, writer)
    for fill in fills_of(report, ended, writer):
        yield _late_fill(fill, ended, writer) if never else fill


def _halt_after(
    met: CredentialsRefused | AnotherAccount, state: AccountState, writer: Writer
) -> AccountHalted | None:
    if isinstance(met, AnotherAccount):
        return halt_after_another_account(state, met.number, writer.author, writer.now)
    return halt_after_refused_credentials(state, str(met), writer.author, writer.now)


def _late_fill(fill: OrderFilled, order: ClosedOrder, writer: Writer) -> PositionAdjusted:
    change = fill.quantity if fill.side is Side.BUY else -fill.quantity
    return PositionAdjusted(
        envelope=writer.about(order, roles.adjusted(f"late-fill-{fill.fill_key}")),
        kind=AdjustmentKind.LATE_FILL,
        ticker=fill.ticker,
        symbol=fill.symbol,
        instrument_type=fill.instrument_type,
        multiplier=fill.multiplier,
        quantity_change=quantity(change),
        price=fill.price,
        fees=fill.fees,
    )


def _is_news(state: AccountState, found: Found, writer: Writer) -> bool:
    """Whether the log should say what was found: differences at once, figures now and then."""
    confirmed = tuple(plain_text(one) for one in found.confirmed)
    if not set(confirmed) <= set(state.differences):
        return True
    if not confirmed and found.comparison.differences:
        return False  # the next look tells whether they are any
    if not confirmed and state.differences:
        return True  # they are settled
    known, at = state.broker, state.reconciled_at
    if at is None or exchange_day(at) != exchange_day(writer.now):
        return True
    return not _are_known(known, found.books) and writer.now - at >= FIGURES_EVERY


def _are_known(known: BrokerFigures | None, books: BrokerBooks) -> bool:
    told = books.account
    figures = (told.cash, told.equity, told.last_equity, told.buying_power)
    if known is None:
        return all(figure is None for figure in figures)
    return figures == (known.cash, known.equity, known.last_equity, known.buying_power)
