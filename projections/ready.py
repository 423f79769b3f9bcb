"""Rows as a transaction writes them: finished ones straight into the tables, others by a merge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from projections.apply import Texts, merge, render, together
from projections.copying import array_texts
from projections.finished import Lines
from projections.projection import Projection
from projections.session import Connection, Cursor, copy_in
from projections.stage import Row


@dataclass(frozen=True, slots=True)
class Ready:
    """Rows in COPY's text: `staged` for the merges, and what is finished, by table.

    What is finished may be written only where the tables hold nothing of `keys`: `known_sql` counts
    what they do. `joined` are the parameters of `join_sql`, which completes what is finished.
    """

    staged: Texts
    finished: Mapping[str, Lines] = field(default_factory=dict)
    keys: Sequence[tuple[str, Any]] = ()
    known_sql: str = ""
    joined: Sequence[str] = ()
    join_sql: str = ""


def stage(projection: Projection, rows: Iterable[Row]) -> Ready:
    """Return `rows` for the merges. Raises as `render` does."""
    return Ready(render(projection, rows))


def finish(projection: Projection, by_topic: Mapping[str, Sequence[Row]]) -> Ready:
    """Return rows, finished where a topic's alone say all there is. Raises as `render` does."""
    if projection.live_finisher is None:
        return stage(projection, (row for rows in by_topic.values() for row in rows))
    left: list[Row] = []
    finished: dict[str, Lines] = {}
    keys: list[tuple[str, Any]] = []
    joined: list[Row] = []
    known_sql = join_sql = ""
    for rows in by_topic.values():
        finisher = projection.live_finisher()
        found = finisher.finish(rows)
        left.extend(found.left)
        keys.extend(found.keys)
        joined.extend(found.joined)
        known_sql, join_sql = finisher.known_sql, finisher.join_sql
        for table, lines in found.tables.items():
            if lines.lines:
                finished.setdefault(table, Lines(lines.columns)).lines.extend(lines.lines)
    return Ready(render(projection, left), finished, keys, known_sql, array_texts(joined), join_sql)


def ask_known(connection: Connection, ready: Ready) -> Cursor | None:
    """Ask how much of what is finished the tables hold; None where there is nothing to ask.

    Nobody else writes it meanwhile: the caller holds the lock of the partitions' checkpoints.
    """
    if not ready.keys:
        return None
    accounts, keys = array_texts(ready.keys)  # psycopg takes five times as long over its own
    told = {"accounts": accounts, "keys": keys}
    return connection.execute(sql.SQL(ready.known_sql), told)


def write(connection: Connection, projection: Projection, ready: Ready, summed: Texts) -> None:
    """Write what is ready, and the rows of a fold, inside the caller's transaction."""
    for table, found in ready.finished.items():
        text = "\n".join(found.lines) + "\n"
        copy_in(connection, f"COPY {table} ({found.columns}) FROM STDIN", text.encode())
    if ready.joined:
        connection.execute(sql.SQL(ready.join_sql), ready.joined)
    merge(connection, projection, together(ready.staged, summed))
