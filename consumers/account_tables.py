"""Accounts as the tables have them, and how far behind their logs these are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg.rows import dict_row

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.reading import committed_ends
from consumers.tables import Row, snapshot
from events.identifiers import AccountName
from events.topics import log_of
from projections.accounts import ACCOUNTS


@dataclass(frozen=True, slots=True, kw_only=True)
class TabledAccount:
    """One account's rows; `state` is None before any event of it became one.

    The rows hold its log up to before `next_offset`, of `end_offset`; None: the projection has
    not begun it, Kafka does not answer. Of `parked` events nothing is in the rows.
    """

    state: Row | None
    positions: list[Row] = field(default_factory=list)
    next_offset: int | None = None
    end_offset: int | None = None
    parked: int = 0

    @property
    def behind(self) -> int | None:
        """How many offsets of the log are not in the rows, None where nobody knows."""
        if self.end_offset is None:
            return None
        return max(0, self.end_offset - (self.next_offset or 0))


def tabled_accounts(
    cluster: Cluster, dsn: str, names: Sequence[AccountName]
) -> Mapping[AccountName, TabledAccount]:
    """Return what the tables have of each account, all of one moment. Kafka may be down.

    Raises:
        ServiceUnreachable: PostgreSQL does not answer.
        ConfigurationError: The database is not migrated.
    """
    with snapshot(dsn) as connection, connection.cursor(row_factory=dict_row) as cursor:
        states = cursor.execute("SELECT * FROM account_state").fetchall()
        positions = cursor.execute(
            "SELECT * FROM account_positions ORDER BY account_name, symbol"
        ).fetchall()
        checkpoints = cursor.execute(
            """
            SELECT
                c.topic, c.next_offset,
                (
                    SELECT count(*) FROM parked_events AS p
                    WHERE p.projection = c.projection AND p.topic = c.topic
                ) AS parked
            FROM projection_checkpoints AS c
            WHERE c.projection = %s
            """,
            (ACCOUNTS.name,),
        ).fetchall()
    ends = _ends(cluster)
    of_state = {row["account_name"]: row for row in states}
    of_topic = {row["topic"]: row for row in checkpoints}
    found = {}
    for name in names:
        topic = log_of(name).name
        checkpoint = of_topic.get(topic, {})
        found[name] = TabledAccount(
            state=of_state.get(name),
            positions=[row for row in positions if row["account_name"] == name],
            next_offset=checkpoint.get("next_offset"),
            end_offset=ends.get(topic),
            parked=checkpoint.get("parked", 0),
        )
    return found


def _ends(cluster: Cluster) -> dict[str, int]:
    try:
        return {topic: end for (topic, _), end in committed_ends(cluster, [ACCOUNTS]).items()}
    except ServiceUnreachable:
        return {}
