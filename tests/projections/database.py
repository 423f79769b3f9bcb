"""A test's database: what is told to it, asked of it and waited for there."""

from threading import Event
from typing import Any

import psycopg


def run(dsn: str, query: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(query.encode())


def ask(connection: psycopg.Connection[Any], query: str) -> Any:  # noqa: ANN401 -- any column
    [(value,)] = connection.execute(query.encode()).fetchall()
    return value


def wait_until_blocked(dsn: str) -> None:
    # Of this database alone: other tests wait for locks of the same server.
    waiting = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock'
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(waiting).fetchone() == (0,):
            Event().wait(0.02)
