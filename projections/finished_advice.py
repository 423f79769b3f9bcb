"""`dispatch_recommendations`, put together from a stretch of the advice."""

from collections.abc import Iterable, Sequence
from typing import Any

from projections.copying import copy_fields
from projections.finished import Finished, Lines
from projections.ids import Ids
from projections.stage import Row, columns_of


class AdviceFinisher:
    """Finish the first record of each id; those after it are left."""

    taken_sql = "SELECT id FROM dispatch_recommendations WHERE %s::TEXT IS NULL"
    join_sql = ""
    known_sql = """
SELECT count(*)
FROM unnest(%(accounts)s::TEXT[], %(keys)s::BIGINT[]) AS k (account_name, id)
CROSS JOIN LATERAL (SELECT FROM dispatch_recommendations AS r WHERE r.id = k.id LIMIT 1) AS known
"""

    def __init__(self) -> None:
        """Start with nothing finished."""
        self._taken = Ids()

    def take(self, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remember ids that were finished before."""
        for (number,) in keys:
            self._taken.add(number)

    def finish(self, rows: Sequence[Row]) -> Finished:
        """Return the rows of ids that are new; see `Finisher`."""
        left: list[Row] = []
        lines: list[str] = []
        keys: list[tuple[str, int]] = []
        for row in rows:
            if self._taken.add(row[0]):
                lines.append("\t".join(copy_fields(row)))
                keys.append(("", row[0]))  # advice is nobody's
            else:
                left.append(row)
        columns = columns_of(type(rows[0])) if rows else ""
        return Finished({"dispatch_recommendations": Lines(columns, lines)}, left, keys)
