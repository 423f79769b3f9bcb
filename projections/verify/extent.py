"""Which rows of a table are about some recommendations, and what differs among them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row

from projections.session import Connection
from projections.verify.compare import Difference, Kind, differing_rows
from projections.verify.fold import KEYS, ExpectedTable

_BY_ORDER: Final = frozenset({"dispatch_orders", "dispatch_fills"})
"""Tables whose key is the order's; of their rows the recommendation could be what is wrong."""


@dataclass(frozen=True, slots=True)
class Extent:
    """An account's rows, or everybody's, about `numbers`; None stands for no recommendation.

    Rows of orders are found by the orders expected, `by_number` by what they say as well: no index
    serves that.
    """

    account: str | None
    numbers: Sequence[int | None]
    by_number: bool = False

    def where(self, table: str, expected: ExpectedTable) -> sql.Composed:
        """Return the condition for the rows of `table`."""
        about = sql.Identifier(number_column(table))
        known = sql.SQL("{} = ANY ({})").format(
            about, sql.Literal([one for one in self.numbers if one is not None])
        )
        none = sql.SQL("{} IS NULL").format(about)
        parts: list[sql.Composable] = []
        if table in _BY_ORDER:
            orders = sorted({key[1] for key in expected})
            parts.append(sql.SQL("client_order_id = ANY ({})").format(sql.Literal(orders)))
        if self.by_number or table not in _BY_ORDER:
            parts.append(known)
        if None in self.numbers and number_column(table) not in KEYS[table]:
            parts.append(none)
        either = sql.SQL(" OR ").join(parts)
        return sql.SQL("{} AND ({})").format(_of(self.account), either)


def held_against(
    connection: Connection,
    expected: Mapping[str, ExpectedTable],
    extent: Extent,
    met: Counter[str],
) -> list[tuple[int | None, Difference]]:
    """Return what differs, each with its recommendation; `met` counts the rows there are.

    It empties `expected` on its way.
    """
    found = []
    for table, rows in expected.items():
        where = extent.where(table, rows)
        about = number_column(table)
        for difference, row in differing_rows(connection, table, rows, where, met):
            found.append((row.get(about), difference))
    return found


def number_column(table: str) -> str:
    """Return the column that names the recommendation."""
    return "id" if table == "dispatch_recommendations" else "recommendation_id"


def row_count(connection: Connection, table: str, account: str | None) -> int:
    """Return how many rows there are."""
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(table), _of(account))
    found: Any = connection.execute(query).fetchone()
    return int(found[0])


def keys_and_numbers(
    connection: Connection, table: str, account: str | None
) -> Iterator[tuple[Difference, int | None]]:
    """Yield every row as if nothing stood behind it, with its recommendation."""
    with connection.cursor("verify_keys", row_factory=dict_row) as cursor:
        columns = sql.SQL(", ").join(map(sql.Identifier, KEYS[table]))
        query = sql.SQL("SELECT {}, {} AS about FROM {} WHERE {}").format(
            columns, sql.Identifier(number_column(table)), sql.Identifier(table), _of(account)
        )
        for row in cursor.execute(query):
            key = {column: row[column] for column in KEYS[table]}
            yield Difference(table=table, key=key, kind=Kind.SURPLUS), row["about"]


def _of(account: str | None) -> sql.Composable:
    if account is None:
        return sql.SQL("TRUE")
    return sql.SQL("account_name = {}").format(sql.Literal(account))
