"""A second set of one projection's tables, empty, in a schema of its own; and the swap.

They are filled without indexes first, by several processes; indexes come afterwards, and whatever
the merges have to decide. What a killed rebuild left is gone on with where nothing has changed.

The swap moves contents, not tables: views, grants, indexes and constraints belong to the live
tables, which stay. Only rows that differ are written, so readers are never locked out and, in any
isolation level, see the rows before or the rows after.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from projections import later
from projections.apply import merge_staged
from projections.checkpoints import Partition
from projections.faults import Unavailable, is_about_the_row, unavailable
from projections.filling import fill_empty
from projections.projection import Projection
from projections.session import Connection, Session
from projections.shadow_tables import (
    is_marked,
    make,
    mark_of,
    shadow_schema,
    take_up_what_is_left,
)
from projections.swap import Swap, note_differences, prepare, settle

LOCK_TIMEOUT: Final = "5s"
_LOCK_CLASS: Final = 7_316_402
_STANDING: Final = (
    "SELECT topic, partition, next_offset FROM projection_checkpoints"
    " WHERE projection = %s ORDER BY topic, partition"
)


class RebuildUnderWay(Exception):  # noqa: N818 -- says what is the matter
    """Somebody else is rebuilding this projection."""


class Unfit(Exception):  # noqa: N818 -- says what the rows are
    """Rows that were loaded do not fit indexes or merges: the engine has to find out which."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where the live tables stand still for now."""

    checkpoints: Mapping[Partition, int]


class Shadow:
    """The second set of tables of one projection, beside the live ones."""

    def __init__(self, dsn: str, projection: Projection) -> None:
        """Open nothing yet."""
        self._projection = projection
        self.schema = shadow_schema(projection)
        self._made_of = ""
        self._dsn = dsn
        self._live = Session(dsn, application_name="dispatcher-rebuild")
        self.session = Session(dsn, application_name="dispatcher-rebuild", schema=self.schema)

    def open(self, made_of: str, *, anew: bool = False) -> bool:
        """Go on with the tables that are there if they were `made_of` the same, else make new ones.

        Returns whether it goes on. Live tables that have changed their shape are not the same.

        Raises:
            RebuildUnderWay: Another process is at it.
            DatabaseUnavailable: PostgreSQL cannot answer, or refuses.
        """
        with _answering():
            connection = self._live.connection()
            self._lock(connection)
            mark = mark_of(connection, self._projection, made_of)
            if not anew and is_marked(connection, self._projection, mark):
                return True
        self._made_of = mark
        self.create(indexed=False)
        return False

    def create(self, *, indexed: bool = True) -> None:
        """Make the tables anew, with their indexes or to be loaded first; see `open`."""
        with _answering():
            connection = self._live.connection()
            self._lock(connection)
            self.session.close()
            make(connection, self._projection, made_of=self._made_of, indexed=indexed)

    @property
    def is_loaded(self) -> bool:
        """Whether the tables have their indexes, and the engine may go on with them."""
        with _answering():
            found = self.session.connection().execute("SELECT loaded FROM rebuild_mark").fetchone()
            return found is not None and bool(found[0])

    def finish_loading(self, begins: Callable[[str], None] = lambda _: None) -> None:
        """Build indexes and keys, then merge what was put aside; `begins` hears of each.

        Raises:
            Unfit: Rows contradict them: make the tables anew, and let the engine fill them.
            DatabaseUnavailable: PostgreSQL cannot answer; the same call goes on.
        """
        try:
            connection = self.session.connection(self._projection.stages)
            begins("building keys of")
            later.build(connection)
            self.analyze()
            with connection.transaction():
                connection.execute("SET LOCAL statement_timeout = 0")
                begins("merging")
                for stage in self._projection.stages:
                    take_up_what_is_left(connection, stage)
                merge_staged(connection, self._projection, self._projection.stages)
                connection.execute("UPDATE rebuild_mark SET loaded = TRUE")
        except psycopg.Error as error:
            if is_about_the_row(error):
                raise Unfit(str(error)) from error
            raise unavailable(error) from error

    def checkpoints(self) -> dict[Partition, int]:
        """Return how far the new tables are."""
        with _answering():
            return self._checkpoints(self.session.connection(), _STANDING)

    @property
    def has_parked(self) -> bool:
        """Whether the new tables could not take something."""
        with _answering():
            query = "SELECT EXISTS (SELECT FROM parked_events)"
            found = self.session.connection().execute(query).fetchone()
            return found is not None and bool(found[0])

    def live_checkpoints(self) -> dict[Partition, int]:
        """Return how far the live tables are."""
        with _answering():
            return self._checkpoints(self._live.connection(), _STANDING)

    def analyze(self) -> None:
        """Let PostgreSQL learn what the new tables hold, or it plans the swap for empty ones."""
        with _answering():
            for table in self._projection.tables:
                self.session.connection().execute(
                    sql.SQL("ANALYZE {}").format(sql.Identifier(table))
                )

    def fill_empty(self) -> int:
        """Fill live tables that hold next to nothing from the new ones; see `filling`.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer, or somebody holds a row; nothing was.
        """
        with _answering():
            return fill_empty(self._live.connection(), self._projection, self.schema)

    def give_up_filling(self) -> None:
        """Have PostgreSQL end what `fill_empty` is at in another thread; nothing is filled then."""
        self._live.cancel()

    @contextmanager
    def comparing(self) -> Iterator["Comparison"]:
        """Stop the live tables for as long as the new ones take to come to where they stand.

        The caller brings them there; what differs is then found out without holding anybody up.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer, or a lock was not to be had in time.
        """
        with _answering():
            still = Session(self._dsn, application_name="dispatcher-rebuild")
            try:
                connection = still.connection()
                connection.execute("SET statement_timeout = 0")
                prepare(connection, self._projection, self.schema)
                with ExitStack() as snapshot:
                    with self.swapping() as swap:
                        yield Comparison(swap.checkpoints)
                        snapshot.enter_context(connection.transaction())
                        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                        connection.execute("SELECT pg_current_snapshot()")
                    note_differences(connection, self._projection, self.schema)
                settle(connection, self._projection, self.schema)
            finally:
                still.close()

    @contextmanager
    def swapping(self) -> Iterator[Swap]:
        """Hold the transaction of the swap: the live projector stands still from here on.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer, or a lock was not to be had in time.
        """
        with _answering():
            connection = self._live.connection()
            with connection.transaction():
                for setting in (
                    f"lock_timeout = '{LOCK_TIMEOUT}'",
                    "statement_timeout = 0",
                    "idle_in_transaction_session_timeout = 0",
                    "synchronous_commit = on",
                ):
                    connection.execute(sql.SQL(f"SET LOCAL {setting}"))
                standing = self._checkpoints(connection, f"{_STANDING} FOR UPDATE")
                yield Swap(connection, self._projection, self.schema, standing)

    def discard(self) -> bool:
        """Drop the tables; return whether there were any. Raises as `open` does."""
        with _answering():
            connection = self._live.connection()
            self._lock(connection)
            found = connection.execute("SELECT to_regnamespace(%s)", (self.schema,)).fetchone()
        self.close()
        return found is not None and found[0] is not None

    def leave(self) -> None:
        """Let go of PostgreSQL; the tables stay, for the next rebuild to go on with."""
        self.session.close()
        self._live.close()

    def close(self) -> None:
        """Drop the tables and let go of PostgreSQL; what cannot be dropped now goes next time."""
        try:
            self.session.close()
            drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema))
            self._live.connection().execute(drop)
        except (psycopg.Error, Unavailable):
            return  # the next rebuild begins with it
        finally:
            self._live.close()

    def _lock(self, connection: Connection) -> None:
        try:
            connection.execute(
                "SELECT pg_advisory_lock(%s, hashtext(%s))", (_LOCK_CLASS, self._projection.name)
            )
        except psycopg.errors.LockNotAvailable:
            raise RebuildUnderWay(
                f"projection {self._projection.name!r} is being rebuilt by another process: wait "
                "until that has ended"
            ) from None

    def _checkpoints(self, connection: Connection, query: str) -> dict[Partition, int]:
        found = connection.execute(sql.SQL(query), (self._projection.name,)).fetchall()
        return {(str(topic), int(str(number))): int(str(at)) for topic, number, at in found}


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise unavailable(error) from error
