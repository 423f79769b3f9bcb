"""Rows into tables: told or staged, merged by SQL, inside a transaction that the caller holds."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias, cast

from psycopg import sql

from projections.copying import array_texts, copy_text
from projections.projection import Projection
from projections.record import Record, account_of
from projections.session import Connection, copy_in
from projections.stage import Row, Stage

Texts: TypeAlias = Mapping[Stage, bytes | Sequence[str]]
"""Rows by the stage that they go to: as COPY reads them, or a few as parameters, by columns."""

FEW: Final = 50
"""So many rows of a stage go as parameters: to copy them, and to empty the stage, takes longer."""


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
    """Return rows as `merge` takes them, by stage, in the order in which stages are merged.

    Raises:
        TypeError: A value has a type that no column takes.
        ValueError: A text holds half a character.
    """
    staged: dict[type, list[Row]] = {}
    for row in rows:
        staged.setdefault(type(row), []).append(row)
    return {
        stage: copy_text(some) if len(some) > FEW else array_texts(some)
        for stage in projection.stages
        if (some := staged.get(stage.row))
    }


def together(texts: Texts, more: Texts) -> Texts:
    """Return both: a stage's rows are of records or of what they come to, not of both.

    Raises:
        ValueError: A stage is in both.
    """
    if texts.keys() & more.keys():
        raise ValueError("a stage has rows of records and of a fold")
    return {**texts, **more}


def merge(connection: Connection, projection: Projection, texts: Texts) -> None:
    """Merge what `render` returned, inside the caller's transaction, in one round trip if few."""
    if not texts:
        return
    copied = [stage for stage, rows in texts.items() if isinstance(rows, bytes)]
    told = tuple(stage for stage in texts if stage not in copied)
    for stage in copied:
        copy_in(connection, stage.copy_sql(), cast("bytes", texts[stage]))
    with connection.pipeline():
        for statement in _statements(projection, list(texts)):
            query, named = _told(statement, told)
            connection.execute(sql.SQL(query), [text for stage in named for text in texts[stage]])
        if copied:
            connection.execute(sql.SQL(_empty(copied)))


def merge_staged(connection: Connection, projection: Projection, used: Sequence[Stage]) -> None:
    """Merge the stages `used`, filled by the caller in the same transaction, and empty them."""
    statements = [*_statements(projection, used), _empty(used)]
    connection.execute(sql.SQL(";\n".join(statements)))


def _statements(projection: Projection, used: Sequence[Stage]) -> list[str]:
    derived = () if projection.derive is None else (projection.derive,)
    return [*(statement for stage in used for statement in stage.merges), *derived]


def _empty(used: Sequence[Stage]) -> str:
    return f"TRUNCATE {', '.join(stage.name for stage in used)}"


@cache
def _told(statement: str, told: tuple[Stage, ...]) -> tuple[str, tuple[Stage, ...]]:
    """Return a statement in which parameters stand for those of `told` that it names, and these.

    They are named as their stages are, which they hide.
    """
    named = tuple(stage for stage in told if re.search(rf"\b{stage.name}\b", statement))
    if not named:
        return statement, ()
    tables = ", ".join(stage.told_sql() for stage in named)
    begin = statement.lstrip()
    if begin.startswith("WITH "):
        return f"WITH {tables}, {begin.removeprefix('WITH ')}", named
    return f"WITH {tables} {begin}", named
