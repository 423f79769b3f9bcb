"""Rows into tables: staged by COPY, merged by SQL, inside a transaction that the caller holds."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from projections.parking import copy_rows
from projections.projection import Projection
from projections.record import Record, account_of
from projections.session import Connection
from projections.stage import Row, Stage


class Unreadable(Exception):  # noqa: N818 -- says what the record is
    """A record in an account's log is no event of that account."""


def rows_of(projection: Projection, record: Record) -> list[Row]:
    """Return the rows that a record becomes; none for bytes that no account's log answers for.

    Raises:
        Unreadable: It stands in an account's log and cannot be read: the account waits.
        Exception: Whatever the projection's own function raised: a bug of ours.
    """
    if record.event is not None:
        if type(record.event) not in projection.events:
            return []
        return list(projection.rows(record.event, record.origin))
    if record.passed_over is not None or account_of(record.origin.topic) is None:
        return []  # nobody's event here, or a door's dead letter
    raise Unreadable(record.unreadable or "the record cannot be read")


def merge_rows(connection: Connection, projection: Projection, rows: Iterable[Row]) -> None:
    """Stage and merge rows, empty the stages, all inside the caller's transaction."""
    staged: dict[type, list[Row]] = {}
    for row in rows:
        staged.setdefault(type(row), []).append(row)
    if not staged:
        return
    used = [stage for stage in projection.stages if stage.row in staged]
    for stage in used:
        copy_rows(connection, stage.copy_sql(), staged[stage.row])
    merge_staged(connection, projection, used)


def merge_staged(connection: Connection, projection: Projection, used: Sequence[Stage]) -> None:
    """Merge the stages `used`, filled by the caller in the same transaction."""
    merges = [stage.merge for stage in used]
    if projection.derive is not None:
        merges.append(projection.derive)
    connection.execute(sql.SQL(";\n".join(merges)))


def empty_stages(connection: Connection, projection: Projection) -> None:
    """Empty the stages before another round in the same transaction."""
    for stage in projection.stages:
        connection.execute(sql.SQL(f"TRUNCATE {stage.name}"))
