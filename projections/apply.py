"""Rows into tables: staged by COPY, merged by SQL, inside a transaction that the caller holds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from psycopg import sql

from projections.projection import Projection
from projections.record import Record, account_of
from projections.session import Connection, copy_in
from projections.stage import Row, Stage, copy_text

Texts: TypeAlias = Mapping[Stage, bytes]
"""Rows as COPY reads them, by the stage that they go to."""


class Unreadable(Exception):  # noqa: N818 -- says what the record is
    """A record in an account's log is no event of that account."""


def rows_of(projection: Projection, record: Record) -> list[Row]:
    """Return the rows that a record becomes; none for bytes that no account's log answers for.

    Damage to an event that the projection does not read is none of its business.

    Raises:
        Unreadable: It stands in an account's log and cannot be read: the account waits.
        Exception: Whatever the projection's own function raised: a bug of ours.
    """
    if record.event is not None:
        if type(record.event) not in projection.events:
            return []
        return list(projection.rows(record.event, record.origin))
    if record.passed_over in projection.events:
        raise RuntimeError(f"{record.event_type} was not decoded for {projection.name!r}")
    if record.passed_over is not None or account_of(record.origin.topic) is None:
        return []  # nobody's event here, or a door's dead letter
    if record.named is not None and record.named not in projection.events:
        return []
    raise Unreadable(record.unreadable or "the record cannot be read")


def render(projection: Projection, rows: Iterable[Row]) -> Texts:
    """Return rows as COPY reads them, by stage, in the order in which stages are merged.

    Raises:
        TypeError: A value has a type that no column takes.
        ValueError: A text holds half a character.
    """
    staged: dict[type, list[Row]] = {}
    for row in rows:
        staged.setdefault(type(row), []).append(row)
    return {
        stage: copy_text(staged[stage.row]) for stage in projection.stages if stage.row in staged
    }


def together(texts: Texts, more: Texts) -> Texts:
    """Return both, stage by stage."""
    if not more:
        return texts
    stages = {**texts, **more}
    return {stage: texts.get(stage, b"") + more.get(stage, b"") for stage in stages}


def merge(connection: Connection, projection: Projection, texts: Texts) -> None:
    """Stage and merge what `render` returned, inside the caller's transaction."""
    if not texts:
        return
    for stage, text in texts.items():
        copy_in(connection, stage.copy_sql(), text)
    merge_staged(connection, projection, list(texts))


def merge_staged(connection: Connection, projection: Projection, used: Sequence[Stage]) -> None:
    """Merge the stages `used`, filled by the caller in the same transaction, and empty them."""
    merges = [stage.merge for stage in used]
    if projection.derive is not None:
        merges.append(projection.derive)
    merges.append(f"TRUNCATE {', '.join(stage.name for stage in used)}")
    connection.execute(sql.SQL(";\n".join(merges)))
