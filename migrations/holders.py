"""Who stands in a migration's way."""

from typing import Final

from migrations.ledger import Connection

# Locks of the transactions that are open; the oldest is the likeliest to be in the way.
_HOLDERS: Final = """
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::BIGINT,
       array_agg(DISTINCT c.relname ORDER BY c.relname)
FROM pg_locks AS l
JOIN pg_stat_activity AS a USING (pid)
JOIN pg_class AS c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.granted
  AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
GROUP BY a.pid, a.application_name, a.backend_type, a.state, a.xact_start
ORDER BY a.xact_start
LIMIT 2
"""


def holders(connection: Connection) -> str:
    """Return who holds locks on tables, to be put behind a sentence; empty where nobody does."""
    told = [
        f"process {pid} ({who}, {state or 'state not shown'}, its transaction open for {age_s} s) "
        f"holds {', '.join(str(name) for name in list(tables)[:3])}"  # type: ignore[call-overload] # an array of names
        for pid, who, state, age_s, tables in connection.execute(_HOLDERS)
    ]
    return f": {'; '.join(told)}" if told else ""
