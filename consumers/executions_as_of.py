"""What an account had executed at some point of its log, from the log alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consumers.account_history import history
from consumers.as_of import offset_as_of
from consumers.cluster import Cluster
from events.codec import Codec
from events.envelope import Origin
from events.identifiers import AccountName
from events.topics import log_of
from projections.verify.compare import plain
from projections.verify.orders import OrdersFold


@dataclass(frozen=True, slots=True)
class ExecutionsAsOf:
    """Rows as `dispatch_executions` would have them, and the next offset of the log there."""

    rows: list[dict[str, Any]]
    log_offset: int


def executions_as_of(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    point: int | datetime,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> ExecutionsAsOf | None:
    """Return what was executed up to `point` of the account's log; None when it has no log yet.

    A point is what it is for `account_as_of`, and so are the errors. The rows are told by the plain
    fold that tables are verified against, not by what fills the tables.
    """
    end = offset_as_of(cluster, account, codec, point, on_progress)
    if end is None:
        return None
    fold, topic = OrdersFold(), log_of(account).name
    for at, event in history(cluster, account, codec, on_progress):
        if at >= end:
            break
        fold.take(event, Origin(topic=topic, partition=0, offset=at))
    rows = [
        # The log says nothing of it, and the table has the column.
        {**{column: plain(value) for column, value in row.items()}, "theta": None}
        for row in fold.tables()["dispatch_executions"].values()
    ]
    return ExecutionsAsOf(rows, end)
