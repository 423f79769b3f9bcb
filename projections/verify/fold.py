"""What a slow, plain fold of a projection's topics is: events in, expected rows out."""

from typing import Any, ClassVar, Final, Protocol, TypeAlias

from events.catalog import AnyEvent
from events.envelope import Origin
from projections.dead_letter import DeadLetter

Key: TypeAlias = tuple[Any, ...]
ExpectedRow: TypeAlias = dict[str, Any]
"""Column to value; a column that is not named must be null, one of JSON is a `Json`."""

ExpectedTable: TypeAlias = dict[Key, ExpectedRow]

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "dispatch_orders": ("account_name", "client_order_id"),
    "dispatch_fills": ("account_name", "client_order_id", "fill_key"),
    "dispatch_executions": ("recommendation_id", "account_name"),
    "recommendation_status": ("recommendation_id", "account_name"),
    "dispatch_recommendations": ("id",),
    "dispatch_failures": ("event_id",),
    "dead_letters": ("log_topic", "log_partition", "log_offset"),
    "dispatcher_runs": ("account_name", "run_id"),
    "account_positions": ("account_name", "symbol"),
    "account_state": ("account_name",),
    "legacy_executions": ("account_name", "execution_id"),
}
"""What makes a row of each table the same row."""

TRUTHS: Final = frozenset({"closes_position"})
"""Columns of which a row expects true or false."""


class Fold(Protocol):
    """One projection's events, folded in the order of their logs."""

    events: ClassVar[frozenset[type]]
    """What `take` makes anything of: by the fold's own word, not the projection's."""

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up the next event."""
        ...

    def tables(self) -> dict[str, ExpectedTable]:
        """Return every row that the tables must hold, by its key in `KEYS`."""
        ...
