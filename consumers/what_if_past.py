"""What an account's log gives a what-if: its start, what decisions saw, outcomes of old orders."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from accounts.evolve import evolve
from accounts.state import AccountState
from accounts.track_record import TrackRecord
from brokers.simulated import RECOMMENDATION
from consumers.account_history import Period, history
from consumers.cluster import Cluster
from consumers.what_if_market import Seen
from events.catalog import LogEvent
from events.codec import Codec
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import AccountName, ClientOrderId
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)

_OUTCOMES: Final = (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    RecommendationFailed,
)


@dataclass(slots=True)
class Past:
    """An account as its log tells it, and what of a period of it a simulation needs.

    `state` is the newest one, `record` that of the period (None: nothing happened in it). `start`
    is the account as `as_of` the last moment before the period; None where the period has no start,
    or the log does not reach back to it. `outcomes` tell, in their order, what became in the period
    of orders that were there at `start`. `seen` holds by recommendation what decisions saw, but
    what the advice itself says. Of the period's `orders`, so many had a stop and a target
    (`brackets`).
    """

    state: AccountState = field(default_factory=AccountState)
    record: TrackRecord | None = None
    start: AccountState | None = None
    outcomes: list[LogEvent] = field(default_factory=list)
    seen: dict[int, Seen] = field(default_factory=dict)
    orders: int = 0
    brackets: int = 0


def past_of(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    period: Period,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> Past:
    """Fold the account's log; errors as `history`.

    What a process says of itself is stamped by the wall clock, in a historical run too, and is
    no part of any record.
    """
    return past_in((event for _, event in history(cluster, account, codec, on_progress)), period)


def past_in(events: Iterable[LogEvent], period: Period) -> Past:
    """Fold an account's events, from its opening on. Pure."""
    past = Past()
    for event in events:
        _take(past, event, period)
    return past


def _take(past: Past, event: LogEvent, period: Period) -> None:
    before = past.state
    past.state = evolve(before, event)
    envelope = event.envelope
    at = envelope.occurred_at
    if period.start is not None and at < period.start and past.state.opened is not None:
        past.start = past.state
        past.outcomes.clear()  # all of them are in it
    if envelope.recommendation_id is None:
        return
    if isinstance(event, OrderIntended | RecommendationDeclined):
        _see(past.seen, envelope.recommendation_id, event)
    if not period.covers(at):
        return
    past.record = past.record or TrackRecord(before)
    past.record.take(event, past.state)
    if isinstance(event, OrderIntended):
        past.orders += 1
        past.brackets += event.terms.stop_loss is not None
    if past.start is not None and _is_of(past.start, event):
        past.outcomes.append(event)


def _see(
    seen: dict[int, Seen], recommendation: int, event: OrderIntended | RecommendationDeclined
) -> None:
    """The first decision about a recommendation counts, as it does for its account."""
    market = event.market
    if market is not None and market.source != RECOMMENDATION:
        seen.setdefault(recommendation, Seen(market, event.option))


def _is_of(start: AccountState, event: LogEvent) -> bool:
    """Whether it tells what became of an order that was there at `start`."""
    if not isinstance(event, _OUTCOMES) or event.client_order_id is None:
        return False
    name = ClientOrderId(event.client_order_id)
    return name in start.orders or name in start.closed_orders
