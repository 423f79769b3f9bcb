"""What tables that hold next to nothing are given before a swap, while nobody stands still.

A swap writes what is missing with the live projector standing still. Where somebody dropped a
table and it came back empty that would be all there is, through every index. So it is written
beforehand, as the new tables have it, in one transaction: readers see an empty table, then a full
one. What the live projector writes meanwhile stays as it is; the swap looks at it as ever.
"""

from typing import Final

from psycopg import sql

from projections.projection import Projection
from projections.session import Connection
from projections.swap import live_columns

_IS_NEARLY_EMPTY: Final = """
SELECT (SELECT count(*) FROM {live}) * 10 < (SELECT count(*) FROM {new})
"""
_FILL: Final = "INSERT INTO {live} ({columns}) SELECT {columns} FROM {new} ON CONFLICT DO NOTHING"
_PARKS_MORE: Final = """
SELECT EXISTS (
    SELECT FROM {new} AS n
    WHERE NOT EXISTS (
        SELECT FROM parked_events AS l
        WHERE (l.projection, l.topic, l.partition, l.log_offset)
            = (n.projection, n.topic, n.partition, n.log_offset)
    )
)
"""


def fill_empty(connection: Connection, projection: Projection, schema: str) -> int:
    """Fill the live tables that have less than a tenth of the new ones' rows; return the rows.

    Not those of a fold, which are few and replace one another, and not where the new tables would
    park what the live ones hold: that swap will be refused, and must leave them as they were.
    """
    if projection.folding is not None or _parks_more(connection, schema):
        return 0
    filled = []
    rows = 0
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SET LOCAL synchronous_commit = on")
        for table in projection.tables:
            names = {
                "live": sql.Identifier(table),
                "new": sql.Identifier(schema, table),
                "columns": live_columns(connection, table),
            }
            if _says(connection, sql.SQL(_IS_NEARLY_EMPTY).format(**names)):
                rows += connection.execute(sql.SQL(_FILL).format(**names)).rowcount
                filled.append(names["live"])
    for live in filled:
        connection.execute(sql.SQL("ANALYZE {}").format(live))
    return rows


def _parks_more(connection: Connection, schema: str) -> bool:
    new = sql.Identifier(schema, "parked_events")
    return _says(connection, sql.SQL(_PARKS_MORE).format(new=new))


def _says(connection: Connection, query: sql.Composed) -> bool:
    return connection.execute(query).fetchone() == (True,)
