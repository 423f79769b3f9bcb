"""Fill tables that have no indexes yet: finished rows by COPY, the rest put aside for merges.

Rows, rest and checkpoint of a stretch move in one transaction, so a load that dies is gone on with.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from projections import checkpoints
from projections.apply import rows_of
from projections.checkpoints import Partition
from projections.copying import copy_text
from projections.faults import is_about_the_row, unavailable
from projections.finished import Finished
from projections.projection import Projection
from projections.record import Record, account_of
from projections.session import Connection, Session
from projections.shadow_tables import left_of, shadow_schema
from projections.stage import Row, columns_of


class BulkLoad:
    """One projection's rows of one partition, from its checkpoint on.

    It stops before the first record that makes trouble, for good: finding out what is wrong with
    it, and parking, is the engine's work, which goes on from the checkpoint.
    """

    def __init__(
        self, session: Session, projection: Projection, partition: Partition, start: int
    ) -> None:
        """Go on at `start`, in the tables that `session` sees."""
        self.projection = projection
        self.stopped = False
        self.folded: Any = None
        self.at = start
        self._session = session
        self._partition = partition
        self._schema = shadow_schema(projection)
        self._finisher = projection.finisher() if projection.finisher else None
        self._rows: list[Row] = []
        self._read_to = start
        if start and self._finisher is not None:
            self._finisher.take(self._taken(self._finisher.taken_sql))

    def add(self, record: Record) -> None:
        """Take up a record; nothing is written yet."""
        if self.stopped or record.origin.offset < self.at:
            return
        try:
            if self.projection.folding is not None:
                self._fold(record)
            else:
                self._rows.extend(rows_of(self.projection, record))
        except Exception:  # noqa: BLE001 -- whatever it is, the engine meets it again and tells
            self.write(record.origin.offset)
            self.stopped = True
        else:
            self._read_to = record.origin.offset + 1

    def write(self, to: int) -> None:
        """Write what was taken up, and move the checkpoint to `to`, never back.

        A fold's rows are what everything comes to: they are written once, by `end`. What is read
        from its beginning for a fold is behind the checkpoints of others for a while.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer; nothing of this stretch was written.
            CheckpointLost: Somebody else fills these tables.
        """
        if not self.stopped and self.projection.folding is None and to >= self.at:
            self._write(to)

    def end(self, to: int) -> None:
        """Write the rest; the records end at `to`. Raises as `write` does."""
        folding = self.projection.folding
        if folding is not None:
            to = self._read_to if self.stopped else to
            self._rows = [] if self.folded is None else list(folding.rows(self.folded))
            stopped, self.stopped = self.stopped, False
            self._write(to)
            self.stopped = stopped or self.stopped
            if self.at != to:  # its rows were refused: it is of no use where the checkpoint stands
                self.folded = None
        elif not self.stopped:
            self._write(to)

    def _fold(self, record: Record) -> None:
        folding = self.projection.folding
        if record.event is None and record.passed_over is None:
            rows_of(self.projection, record)  # raises: it says why it cannot be read
        event = record.event
        if folding is not None and event is not None and type(event) in self.projection.events:
            self.folded = folding.step(self.folded, event, record.origin)

    def _write(self, to: int) -> None:
        rows, self._rows = self._rows, []
        if to == self.at and not rows:
            return
        try:
            done = self._finisher.finish(rows) if self._finisher else Finished({}, rows)
            self._transact(done, to)
        except psycopg.Error as error:
            if not is_about_the_row(error):
                raise unavailable(error) from error
            self.stopped = True  # nothing of it is there: the engine finds the row that is at fault
        except (TypeError, ValueError):  # no column takes it
            self.stopped = True
        else:
            self.at = to

    def _transact(self, done: Finished, to: int) -> None:
        connection = self._session.connection()
        with connection.transaction():
            path = sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(self._schema))
            connection.execute(path)
            checkpoints.move(
                connection,
                self.projection.name,
                known={self._partition: self.at},
                to={self._partition: to},
            )
            for table, found in done.tables.items():
                if found.lines:
                    text = "\n".join(found.lines) + "\n"
                    _copy(connection, table, found.columns, text.encode())
            for stage in self.projection.stages:
                left = [row for row in done.left if type(row) is stage.row]
                if left:
                    _copy(connection, left_of(stage), columns_of(stage.row), copy_text(left))

    def _taken(self, query: str) -> Iterable[tuple[Any, ...]]:
        connection = self._session.connection()
        account = account_of(self._partition[0])
        with connection.transaction(), connection.cursor("taken") as cursor:
            path = sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(self._schema))
            connection.execute(path)
            yield from cursor.execute(sql.SQL(query), (account,))


def _copy(connection: Connection, table: str, columns: str, text: bytes) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text)
