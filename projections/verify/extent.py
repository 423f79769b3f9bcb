"""Which rows of a table are about some recommendations, and what differs among them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

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

    def rows(self, table: str, expected: ExpectedTable) -> sql.Composed:
        """Return the query for the rows of `table`, each once."""
        numbers = [one for one in self.numbers if one is not None]
        about = number_column(table)
        parts = []
        others: sql.Composable = sql.SQL("TRUE")  # of rows that no part has brought yet
        if table in _BY_ORDER:
            orders = sorted({key[1] for key in expected})
            parts.append(self._each(table, "client_order_id", "TEXT", orders))
            others = sql.SQL("client_order_id <> ALL ({})").format(sql.Literal(orders))
            if self.by_number:
                condition = sql.SQL("{} = ANY ({})").format(
                    sql.Identifier(about), sql.Literal(numbers)
                )
                parts.append(self._all(table, condition, others))
        else:
            parts.append(self._each(table, about, "BIGINT", numbers))
        if None in self.numbers and about not in KEYS[table]:
            condition = sql.SQL("{} IS NULL").format(sql.Identifier(about))
            parts.append(self._all(table, condition, others))
        return sql.SQL(" UNION ALL ").join(parts)

    def _each(
        self, table: str, column: LiteralString, of: LiteralString, wanted: Sequence[object]
    ) -> sql.Composed:
        """Look each row up by its key.

        Whatever PostgreSQL believes of a table: it has never counted one that it was killed over
        again and again, and would read all of an account for each few of its rows.
        """
        return sql.SQL(
            "SELECT l.* FROM unnest({wanted}::{of}[]) AS w (wanted), LATERAL ("
            "SELECT * FROM {table} AS t WHERE {account} AND t.{column} = w.wanted OFFSET 0) AS l"
        ).format(
            wanted=sql.Literal(list(wanted)),
            of=sql.SQL(of),
            table=sql.Identifier(table),
            account=_of(self.account),
            column=sql.Identifier(column),
        )

    def _all(self, table: str, condition: sql.Composable, others: sql.Composable) -> sql.Composed:
        return sql.SQL("SELECT * FROM {} WHERE {} AND {} AND {}").format(
            sql.Identifier(table), _of(self.account), condition, others
        )


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
        query = extent.rows(table, rows)
        about = number_column(table)
        for difference, row in differing_rows(connection, table, rows, query, met):
            found.append((row.get(about), difference))
    return found


def number_column(table: str) -> LiteralString:
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
