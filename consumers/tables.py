"""Questions to the projected tables: rows as dictionaries, and failures as sentences."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from consumers.errors import ConfigurationError, ServiceUnreachable
from projections.session import Connection

Row: TypeAlias = dict[str, Any]

_CONNECT_TIMEOUT_S: Final = 6


def rows(
    dsn: str, query: LiteralString, values: Sequence[object] | Mapping[str, object] = ()
) -> list[Row]:
    """Return what `query` finds, a dictionary per row; the session reads only.

    Raises:
        ServiceUnreachable: PostgreSQL does not answer.
        ConfigurationError: A table or column is missing: the database is not migrated.
    """
    with (
        answering(),
        psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            row_factory=dict_row,
            options="-c default_transaction_read_only=on -c statement_timeout=30s -c TimeZone=UTC",
        ) as connection,
    ):
        return connection.execute(query, values).fetchall()


@contextmanager
def snapshot(dsn: str, of: str | None = None) -> Iterator[Connection]:
    """Hold one REPEATABLE READ transaction that reads only, the snapshot that was `shared` as `of`.

    It may wait idly for as long as others work in the same snapshot. Errors as `rows`.
    """
    with (
        answering(),
        psycopg.connect(
            dsn,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="dispatcher-verify",
            options="-c default_transaction_read_only=on -c TimeZone=UTC"
            " -c idle_in_transaction_session_timeout=0",
        ) as connection,
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if of is not None:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(of)))
        yield connection


def shared(connection: Connection) -> str:
    """Return the name by which others may share a connection's `snapshot`, while that is held."""
    found = connection.execute("SELECT pg_export_snapshot()").fetchone()
    return str(found[0]) if found else ""


@contextmanager
def answering() -> Iterator[None]:
    """Turn what PostgreSQL's driver raises into our sentences; see `rows`."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise ConfigurationError(
            f"the database lacks what this build needs ({error.diag.message_primary}): run "
            "`dispatcher migrate`; if nothing is pending, somebody dropped it: "
            "`dispatcher migrate --recreate-missing`"
        ) from error
    except psycopg.OperationalError as error:
        raise ServiceUnreachable(
            f"PostgreSQL gives no answer: {' '.join(str(error).split())}; is it up, and "
            "postgres.dsn right?"
        ) from error
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:
            raise  # our own query is wrong: a bug
        raise ConfigurationError(
            "postgres.dsn is no connection string: write it as postgresql://user@host:port/name"
        ) from None  # the cause would repeat it, password and all


def executions(dsn: str, account: str | None, limit: int) -> list[Row]:
    """Return the newest executions, all columns of `dispatch_executions`; errors as `rows`."""
    return rows(
        dsn,
        """
        SELECT * FROM dispatch_executions
        WHERE %(account)s::text IS NULL OR account_name = %(account)s
        ORDER BY simulated_ts DESC NULLS LAST, recommendation_id DESC, account_name
        LIMIT %(limit)s
        """,
        {"account": account, "limit": limit},
    )


def failures(dsn: str, account: str | None, limit: int) -> list[Row]:
    """Return the newest failures, all columns of `dispatch_failures`; errors as `rows`."""
    return rows(
        dsn,
        """
        SELECT * FROM dispatch_failures
        WHERE %(account)s::text IS NULL OR account_name = %(account)s
        ORDER BY occurred_at DESC NULLS LAST, event_id
        LIMIT %(limit)s
        """,
        {"account": account, "limit": limit},
    )


def failures_with_id(dsn: str, beginning: str) -> list[Row]:
    """Return up to two failures whose event id starts with `beginning`; errors as `rows`."""
    return rows(
        dsn,
        """
        SELECT * FROM dispatch_failures
        WHERE starts_with(event_id::text, %s) ORDER BY event_id LIMIT 2
        """,
        (beginning,),
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """What the tables have of one recommendation; or why nobody can tell (`fault`)."""

    status: Sequence[Row] = ()
    executions: Sequence[Row] = ()
    fault: str | None = None


def rows_of_recommendation(dsn: str, recommendation_id: int) -> Rows:
    """Return a recommendation's rows of `recommendation_status` and `dispatch_executions`.

    A database that does not answer, or lacks the tables, is a sentence: the logs tell without it.
    """
    try:
        return Rows(
            rows(
                dsn,
                "SELECT * FROM recommendation_status WHERE recommendation_id = %s "
                "ORDER BY account_name",
                (recommendation_id,),
            ),
            rows(
                dsn,
                "SELECT * FROM dispatch_executions WHERE recommendation_id = %s "
                "ORDER BY account_name",
                (recommendation_id,),
            ),
        )
    except (ServiceUnreachable, ConfigurationError) as error:
        return Rows(fault=str(error))


def checkpoints(dsn: str) -> list[Row]:
    """Return each projection's next offset per topic, and how many events are parked there."""
    return rows(
        dsn,
        """
        SELECT
            c.projection, c.topic, c.partition, c.next_offset,
            (
                SELECT count(*) FROM parked_events AS p
                WHERE p.projection = c.projection AND p.topic = c.topic
                  AND p.partition = c.partition
            ) AS parked
        FROM projection_checkpoints AS c
        ORDER BY c.projection, c.topic, c.partition
        """,
    )


def parked_before(dsn: str, projection: str, topic: str, partition: int, offset: int) -> int:
    """Return how many events before `offset` a projection holds parked; errors as `rows`."""
    [row] = rows(
        dsn,
        """
        SELECT count(*) AS events FROM parked_events
        WHERE projection = %s AND topic = %s AND partition = %s AND log_offset < %s
        """,
        (projection, topic, partition, offset),
    )
    return int(row["events"])
