"""What was folded, kept in PostgreSQL now and then: a start need not fold a whole log again.

Always disposable: whatever is odd about a kept fold costs time, never the truth. The log has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

import psycopg

from projections.checkpoints import Partition
from projections.faults import unavailable
from projections.folding import Standing
from projections.projection import Projection
from projections.session import Session

_TAKE_UP: Final = """
INSERT INTO projection_folds (projection, topic, partition, kept_by)
VALUES (%(projection)s, %(topic)s, %(partition)s, %(kept_by)s)
ON CONFLICT (projection, topic, partition) DO UPDATE SET kept_by = excluded.kept_by
RETURNING next_offset, folded_by, folded, checksum
"""
_LOOK: Final = """
SELECT next_offset, folded_by, folded, checksum FROM projection_folds
WHERE projection = %(projection)s AND topic = %(topic)s AND partition = %(partition)s
"""
_KEEP: Final = """
UPDATE projection_folds
SET next_offset = %(next_offset)s, folded_by = %(folded_by)s, folded = %(folded)s,
    checksum = %(checksum)s
WHERE projection = %(projection)s AND topic = %(topic)s AND partition = %(partition)s
  AND kept_by = %(kept_by)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How folds are kept: by which `code` in this process, and `kept_by` which.

    Without a `kept_by` they are only looked at. `say` is told in a sentence what was not used or
    not kept.
    """

    code: str
    say: Callable[[str], None]
    kept_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class KeptFolds:
    """One projection's kept folds, a row for each partition.

    A row belongs to the process that took it up last. A rebuild deletes it: whoever folded what
    the tables were before keeps nothing any more, until it takes the partition up again.
    """

    projection: Projection
    session: Session
    keeping: Keeping

    def take_up(self, partition: Partition, end: int) -> Standing | None:
        """Return what was kept of `partition`, if it can be gone on with up to `end`.

        Raises:
            DatabaseUnavailable: PostgreSQL did not answer.
        """
        query = _LOOK if self.keeping.kept_by is None else _TAKE_UP
        row = self._answer_to(query, partition)
        if row is None or not row[0]:
            return None
        offset, folded_by, text, checksum = int(str(row[0])), *map(str, row[1:])
        try:
            return self._read(offset, folded_by, text, checksum, end)
        except ValueError as error:
            self.keeping.say(
                f"what was kept of {partition[0]} in projection {self.projection.name!r} is not "
                f"used, all of it is folded: {error}"
            )
            return None

    def keep(self, partition: Partition, standing: Standing) -> None:
        """Write down what stands, if the partition is still ours to keep; never an error."""
        folding = self.projection.folding
        if folding is None or self.keeping.kept_by is None:
            return
        try:
            text = folding.dump(standing.folded)
            told = {
                "next_offset": standing.next_offset,
                "folded_by": self.keeping.code,
                "folded": text,
                "checksum": _checksum(text),
            }
            self._answer_to(_KEEP, partition, **told)
        except Exception as error:  # noqa: BLE001 -- disposable: it must never cost more than time
            self.keeping.say(
                f"what projection {self.projection.name!r} has folded of {partition[0]} is not "
                f"kept, a start has to fold more of it: {type(error).__name__}: {error}"
            )

    def _read(self, offset: int, folded_by: str, text: str, checksum: str, end: int) -> Standing:
        folding = self.projection.folding
        if folding is None:
            raise ValueError("nothing is folded here")
        if offset > end:  # somebody moved the checkpoint by hand
            raise ValueError(f"it ends at offset {offset}, the checkpoint is {end}")
        if folded_by != self.keeping.code:
            raise ValueError(f"other code has folded it ({folded_by})")
        if checksum != _checksum(text):
            raise ValueError("it is damaged: its checksum does not fit")
        return Standing(offset, folding.load(text))

    def _answer_to(
        self, query: str, partition: Partition, **told: object
    ) -> tuple[object, ...] | None:
        topic, number = partition
        told |= {
            "projection": self.projection.name,
            "topic": topic,
            "partition": number,
            "kept_by": self.keeping.kept_by,
        }
        try:
            cursor = self.session.connection().execute(query, told)
            return cursor.fetchone() if cursor.description else None
        except psycopg.Error as error:
            raise unavailable(error) from error


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
