"""Indexes and constraints put off: taken from new tables, kept as statements, built afterwards.

Only what holds keys together comes back. Other indexes serve the live tables' readers, of whom new
tables have none.
"""

from typing import Final

from psycopg import sql

from projections.session import Connection

_TAKE: Final = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::REGCLASS, conname),
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s',
              conrelid::REGCLASS, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE conrelid = %(table)s::REGCLASS AND contype IN ('p', 'u', 'x')
UNION ALL
SELECT format('DROP INDEX %%s', indexrelid::REGCLASS),
       CASE WHEN indisunique THEN pg_get_indexdef(indexrelid) END
FROM pg_index
WHERE indrelid = %(table)s::REGCLASS
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
_CREATE: Final = """
CREATE UNLOGGED TABLE rebuild_later (ordinal INTEGER GENERATED ALWAYS AS IDENTITY, statement TEXT)
"""
_FIRST: Final = "SELECT ordinal, statement FROM rebuild_later ORDER BY ordinal LIMIT 1"
_SETTINGS: Final = """
SET LOCAL statement_timeout = 0;
SET LOCAL maintenance_work_mem = '256MB'
"""


def put_off(connection: Connection, schema: str, tables: tuple[str, ...]) -> None:
    """Take indexes and keys from empty `tables` of `schema`, the one on the search path."""
    connection.execute(_CREATE)
    for table in tables:
        name = sql.Identifier(schema, table).as_string(connection)
        for drop, create in connection.execute(_TAKE, {"table": name}).fetchall():
            connection.execute(sql.SQL(str(drop)))
            if create is not None:
                connection.execute(
                    "INSERT INTO rebuild_later (statement) VALUES (%s)", (str(create),)
                )


def build(connection: Connection) -> None:
    """Build what was put off and is still missing, one statement to a transaction.

    Raises:
        psycopg.Error: Rows do not fit it.
    """
    while True:
        with connection.transaction():
            connection.execute(_SETTINGS)
            found = connection.execute(_FIRST).fetchone()
            if found is None:
                return
            ordinal, statement = found
            connection.execute(sql.SQL(str(statement)))
            connection.execute("DELETE FROM rebuild_later WHERE ordinal = %s", (ordinal,))
