"""What the end of an option does to holdings: the contract goes, and shares may come. Pure.

The broker tells an exercise or an assignment as two activities: one of the contract, one of the
shares at the strike. Each is booked once, by its own id; the shares only where the contract was
ours, whichever of the two is told first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from accounts.contracts import OCC
from accounts.draft import OPTION_MULTIPLIER
from accounts.state import ZERO, AccountState
from brokers.books import Activity, ActivityKind
from events import roles
from events.account import AdjustmentKind, PositionAdjusted
from events.author import Author
from events.catalog import LogEvent
from events.recommendation import InstrumentType
from events.values import money, quantity

SHARES: Final = "shares"
"""The role of what an option's end brings in or takes of its underlying."""

_KINDS: Final = {
    ActivityKind.EXPIRY: AdjustmentKind.EXPIRY,
    ActivityKind.ASSIGNMENT: AdjustmentKind.ASSIGNMENT,
    ActivityKind.EXERCISE: AdjustmentKind.EXERCISE,
}


def adjustments(
    state: AccountState, activities: Sequence[Activity], author: Author, now: datetime
) -> Iterator[LogEvent]:
    """Yield a `PositionAdjusted` for each activity that the log has not booked yet."""
    for activity in activities:
        if activity.kind is ActivityKind.SHARES:
            event = _shares(state, activity, activities, author, now)
        else:
            event = _contract(state, activity, author, now)
        if event is not None and event.envelope.event_id not in state.applied:
            yield event


def _contract(
    state: AccountState, activity: Activity, author: Author, now: datetime
) -> PositionAdjusted | None:
    kind, held = _KINDS.get(activity.kind), state.positions.get(activity.symbol)
    if kind is None or held is None:
        return None
    gone = min(abs(activity.quantity_change), abs(held.quantity))
    return PositionAdjusted(
        envelope=author.about(
            f"activity:{activity.activity_id}", roles.adjusted(kind.lower()), occurred_at=now
        ),
        kind=kind,
        ticker=held.ticker,
        symbol=activity.symbol,
        instrument_type=held.instrument_type,
        multiplier=held.multiplier,
        quantity_change=quantity(-gone if held.quantity > 0 else gone),
        price=money(activity.price),
        fees=money(ZERO),
        broker_activity_id=activity.activity_id,
    )


def _shares(
    state: AccountState,
    activity: Activity,
    activities: Sequence[Activity],
    author: Author,
    now: datetime,
) -> PositionAdjusted | None:
    for end in activities:
        kind = _KINDS.get(end.kind)
        if kind is None or not _belongs(activity, end) or not _is_ours(state, end, author, now):
            continue
        return PositionAdjusted(
            envelope=author.about(
                f"activity:{activity.activity_id}", roles.adjusted(SHARES), occurred_at=now
            ),
            kind=kind,
            ticker=activity.symbol,
            symbol=activity.symbol,
            instrument_type=InstrumentType.STOCK,
            multiplier=1,
            quantity_change=quantity(activity.quantity_change),
            price=money(activity.price),
            fees=money(ZERO),
            broker_activity_id=activity.activity_id,
        )
    return None


def _belongs(shares: Activity, end: Activity) -> bool:
    """Whether `shares` are what the end of a contract brought: its underlying, at its strike."""
    option = OCC.fullmatch(end.symbol)
    if option is None or end.kind is ActivityKind.EXPIRY:
        return False
    return (
        option["root"] == shares.symbol
        and Decimal(option["strike"]) / 1000 == shares.price
        and abs(shares.quantity_change) == abs(end.quantity_change) * OPTION_MULTIPLIER
        and shares.booked_on == end.booked_on
    )


def _is_ours(state: AccountState, end: Activity, author: Author, now: datetime) -> bool:
    event = _contract(state, end, author, now)
    return event is not None or _event_id(end, author, now) in state.applied


def _event_id(end: Activity, author: Author, now: datetime) -> UUID:
    role = roles.adjusted(_KINDS[end.kind].lower())
    return author.about(f"activity:{end.activity_id}", role, occurred_at=now).event_id
