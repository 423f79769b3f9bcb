"""`recommendation_status`, put together from a stretch of an account's log."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from projections.copying import copy_fields
from projections.finished import Finished, Lines
from projections.ids import Ids
from projections.stage import Row
from projections.status_rows import DecisionRow, StatusRow

_TOLD: Final = (
    "status",
    "status_at",
    "status_offset",
    "status_precedence",
    "failure_reason",
    "client_order_id",
)
_COLUMNS: Final = ", ".join((*DecisionRow._fields, *_TOLD))
_PENDING: Final[Row] = ("pending", None, None, None, None, None)


class StatusesFinisher:
    """Finish a recommendation whose decision stands in the stretch; what comes later is left."""

    taken_sql = "SELECT recommendation_id FROM recommendation_status WHERE account_name = %s"
    join_sql = ""
    known_sql = """
SELECT count(*)
FROM unnest(%(accounts)s::TEXT[], %(keys)s::BIGINT[]) AS k (account_name, recommendation_id)
CROSS JOIN LATERAL (
    SELECT FROM recommendation_status AS s
    WHERE s.account_name = k.account_name AND s.recommendation_id = k.recommendation_id
    LIMIT 1
) AS known
"""

    def __init__(self) -> None:
        """Start with nothing finished."""
        self._taken = Ids()

    def take(self, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remember recommendations that were finished before."""
        for (recommendation_id,) in keys:
            self._taken.add(recommendation_id)

    def finish(self, rows: Sequence[Row]) -> Finished:
        """Return a row for each decision that is the first; see `Finisher`."""
        decisions: dict[int, DecisionRow] = {}
        told: dict[int, StatusRow] = {}
        left: list[Row] = []
        for row in rows:
            if isinstance(row, DecisionRow) and self._taken.add(row.recommendation_id):
                decisions[row.recommendation_id] = row
            elif isinstance(row, StatusRow):
                best = told.get(row.recommendation_id)
                if best is None or row.status_precedence > best.status_precedence:
                    told[row.recommendation_id] = row
            else:
                left.append(row)
        found = Lines(_COLUMNS)
        for number, decision in decisions.items():
            status = told.pop(number, None)
            after = _PENDING if status is None else status[2:]
            found.lines.append("\t".join(copy_fields(decision) + copy_fields(after)))
        keys = [(decision.account_name, number) for number, decision in decisions.items()]
        return Finished({"recommendation_status": found}, [*left, *told.values()], keys)
