"""A second set of one projection's tables: how it is made, and what it was made of."""

from hashlib import sha256
from typing import Final

from psycopg import sql

from projections import later
from projections.projection import Projection
from projections.session import Connection
from projections.stage import Stage

_ENGINE_TABLES: Final = ("projection_checkpoints", "parked_events")
_CREATE: Final = "CREATE UNLOGGED TABLE {shadow}.{table} (LIKE {table} INCLUDING ALL)"
_OPTIONS: Final = """
SELECT array_to_string(reloptions, ', ') FROM pg_class
WHERE oid = %s::REGCLASS AND reloptions IS NOT NULL
"""
_SAME: Final = "ALTER TABLE {shadow}.{table} SET ({options})"
_SHAPE: Final = """
SELECT attname, atttypid, atttypmod, attnotnull, attgenerated, NULL
FROM pg_attribute WHERE attrelid = %(table)s::REGCLASS AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT conname, 0, 0, convalidated, contype, pg_get_constraintdef(oid)
FROM pg_constraint WHERE conrelid = %(table)s::REGCLASS
UNION ALL
SELECT indexrelid::REGCLASS::NAME, 0, 0, indisvalid, '', pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = %(table)s::REGCLASS
ORDER BY 1, 2, 6
"""


def shadow_schema(projection: Projection) -> str:
    """Return the schema of a projection's second set of tables."""
    return f"dispatcher_rebuild_{projection.name.replace('-', '_')}"


def left_of(stage: Stage) -> str:
    """Return the table in which rows of `stage` wait for the merges."""
    return f"left_{stage.name}"


def make(connection: Connection, projection: Projection, *, made_of: str, indexed: bool) -> None:
    """Make the tables anew, as the live ones are; without indexes they are to be loaded first.

    They are unlogged, and so is the mark that says what they are `made_of`: a crash of PostgreSQL
    takes both.
    """
    with connection.transaction():
        schema = sql.Identifier(shadow_schema(projection))
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        for table in (*projection.tables, *_ENGINE_TABLES):
            names = {"shadow": schema, "table": sql.Identifier(table)}
            connection.execute(sql.SQL(_CREATE).format(**names))
            for (options,) in connection.execute(_OPTIONS, (table,)).fetchall():
                same = sql.SQL(_SAME).format(options=sql.SQL(str(options)), **names)
                connection.execute(same)
        connection.execute(sql.SQL("SET LOCAL search_path = {}").format(schema))
        connection.execute("CREATE UNLOGGED TABLE rebuild_mark (made_of TEXT, loaded BOOLEAN)")
        connection.execute("INSERT INTO rebuild_mark VALUES (%s, %s)", (made_of, indexed))
        if not indexed:
            later.put_off(connection, shadow_schema(projection), projection.tables)
            for stage in projection.stages:
                create = sql.SQL("CREATE UNLOGGED TABLE {} ({})")
                left, columns = sql.Identifier(left_of(stage)), sql.SQL(stage.columns_sql())
                connection.execute(create.format(left, columns))


def take_up_what_is_left(connection: Connection, stage: Stage) -> None:
    """Put rows that wait for the merges where these look for them."""
    for query in (
        "INSERT INTO {to} SELECT * FROM {left}",
        "ANALYZE {to}",
        "DROP TABLE {left}",
    ):
        to, left = sql.Identifier(stage.name), sql.Identifier(left_of(stage))
        connection.execute(sql.SQL(query).format(to=to, left=left))


def mark_of(connection: Connection, projection: Projection, made_of: str) -> str:
    """Return a digest of what the tables are made of, and of the live tables' shapes."""
    found = sha256(made_of.encode())
    for table in projection.tables:
        shape = connection.execute(_SHAPE, {"table": table}).fetchall()
        found.update(f"{table}{shape}".encode())
    return found.hexdigest()


def is_marked(connection: Connection, projection: Projection, mark: str) -> bool:
    """Say whether there are tables, made of what `mark` says."""
    table = sql.Identifier(shadow_schema(projection), "rebuild_mark")
    there = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", (table.as_string(connection),)
    ).fetchone()
    if there is None or not there[0]:
        return False
    found = connection.execute(sql.SQL("SELECT made_of FROM {}").format(table)).fetchone()
    return found is not None and found[0] == mark
