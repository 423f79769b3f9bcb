"""What of the tables is held against the log: all of it, one account's, what is since a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import sql

from events.identifiers import AccountName
from events.topics import log_of
from projections.projection import Projection
from projections.verify.catalog import SUMS
from projections.verify.compare import Difference, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at: one `account`'s log, what is `since` a time or an offset; else everything.

    Since then means: recommendations that were advised or decided since, and records of their own
    that were made since. Sums over a log, and rows that no event stands behind, are then left out.
    """

    account: AccountName | None = None
    since: datetime | int | None = None

    def includes(self, projection: Projection) -> bool:
        """Say whether any of the projection's rows are looked at."""
        if self.account is not None and not projection.reads_logs:
            return False
        return self.since is None or projection.name not in SUMS

    def where(self, table: str) -> sql.Composable:
        """Return the condition for rows that the topics in scope stand behind."""
        if self.account is None:
            return sql.SQL("TRUE")
        column, value = "account_name", str(self.account)
        if table == "dispatch_failures":
            column, value = "log_topic", log_of(self.account).name
        return sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(value))


EVERYTHING: Final = Scope()


def in_scope(found: Iterator[Difference], scope: Scope) -> Iterator[Difference]:
    """Leave out what only a fold from the beginning can tell."""
    for difference in found:
        if scope.since is None or not _may_be_older(difference):
            yield difference


def _may_be_older(difference: Difference) -> bool:
    """Say whether the row's event may stand before those that were read: the first one counts."""
    if difference.kind is Kind.SURPLUS:
        return True
    return any(
        isinstance(one.table, int) and isinstance(one.log, int) and one.table < one.log
        for one in difference.fields
        if one.column in ("log_offset", "decision_offset")
    )
