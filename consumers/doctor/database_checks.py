"""PostgreSQL: does it answer, is it migrated, does it agree about the time, what does it hold?"""

import time
from collections.abc import Iterator
from typing import Final

import psycopg

from consumers.doctor.finding import Finding, age, fail, failed, ok, warn
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.tables import rows
from migrations.apply import status
from migrations.errors import DatabaseUnreachable
from migrations.ledger import MigrationState
from projections.catalog import PROJECTIONS

_SKEW_WARN_S: Final = 0.5
_SKEW_FAIL_S: Final = 3.0
_FRESH_S: Final = 86_400


def check_database(dsn: str) -> Iterator[Finding]:
    """Say whether PostgreSQL answers and has every migration."""
    try:
        rows(dsn, "SELECT 1")
        found = status(dsn)
    except (DatabaseUnreachable, ServiceUnreachable) as error:
        yield failed(
            "postgres",
            ServiceUnreachable(" ".join(str(error).split())),
            "start PostgreSQL, or correct postgres.dsn; trading goes on meanwhile",
        )
        return
    except ConfigurationError as error:
        yield failed("postgres", error, "correct postgres.dsn")
        return
    except psycopg.Error as error:
        yield fail("postgres", f"answers, but {error}", "let postgres.dsn's role read its tables")
        return
    yield ok("postgres", "answers")
    missing = [one.name for one in found if one.state is MigrationState.PENDING]
    edited = [one.name for one in found if one.state is MigrationState.EDITED]
    if edited:
        yield fail(
            "migrations",
            f"{edited[0]} was edited after it was applied",
            "put the file back as it was; what is to change is a migration of its own",
        )
    elif missing:
        yield fail(
            "migrations", f"{len(missing)} pending, first {missing[0]}", "dispatcher migrate"
        )
    else:
        yield from _check_tables(dsn)


def _check_tables(dsn: str) -> Iterator[Finding]:
    wanted = {table: one.name for one in PROJECTIONS for table in one.tables}
    found = rows(
        dsn,
        "SELECT name FROM unnest(%s::TEXT[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name",
        (list(wanted),),
    )
    dropped = [row["name"] for row in found]
    if not dropped:
        yield ok("migrations", "none pending")
        return
    more = f" (and {len(dropped) - 1} more)" if len(dropped) > 1 else ""
    names = ", ".join(dict.fromkeys(wanted[table] for table in dropped))
    yield fail(
        "migrations",
        f"none pending, but somebody dropped {dropped[0]}{more}",
        "dispatcher migrate --recreate-missing, then dispatcher projections rebuild "
        f"(projections {names})",
    )


def check_clock(dsn: str, ahead_s: float = 0.0) -> Iterator[Finding]:
    """Compare our clock with PostgreSQL's: orders are timed by the wall clock, too.

    `ahead_s` is how far before this machine's clock the caller's is, in seconds. Kafka's clock
    cannot be asked for: its answers bear no time, and records bear their writers'.
    """
    before_s = time.time() + ahead_s
    [row] = rows(dsn, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now_s")
    after_s = time.time() + ahead_s
    away_s = max(row["now_s"] - after_s, before_s - row["now_s"], 0.0)
    cure = "timedatectl set-ntp true (or whatever keeps the clocks of both machines right)"
    if away_s > _SKEW_FAIL_S:
        yield fail("clock", f"{away_s:.1f} s away from PostgreSQL's", cure)
    elif away_s > _SKEW_WARN_S:
        yield warn("clock", f"{away_s:.1f} s away from PostgreSQL's", cure)
    else:
        yield ok("clock", f"at most {max(away_s, after_s - before_s):.3f} s from PostgreSQL's")


def check_parked(dsn: str) -> Iterator[Finding]:
    """Say what waits because it could not be applied."""
    found = rows(
        dsn,
        """
        SELECT projection, topic, count(*) AS events,
               (array_agg(error ORDER BY log_offset))[1] AS error
        FROM parked_events GROUP BY projection, topic ORDER BY projection, topic
        """,
    )
    for row in found:
        yield warn(
            "parked",
            f"{row['events']} events of {row['topic']} wait in {row['projection']}: "
            f"{' '.join((row['error'] or 'for the one before them').split())[:160]}",
            f"mend the cause, then dispatcher projections parked retry {row['projection']} "
            f"{row['topic']}",
        )
    if not found:
        yield ok("parked", "no event waits")


def check_dead_letters(dsn: str) -> Iterator[Finding]:
    """Say how many records were refused at the door; only those of the last day are news."""
    [row] = rows(
        dsn,
        """
        SELECT count(*) AS letters, extract(epoch FROM now() - max(refused_at))::float8 AS age_s
        FROM dead_letters
        """,
    )
    if row["letters"] and (row["age_s"] is None or row["age_s"] < _FRESH_S):
        newest = "" if row["age_s"] is None else f", the newest {age(row['age_s'])} old"
        yield warn(
            "dead letters",
            f"{row['letters']}{newest}",
            "read column error of the table dead_letters, correct the sender, publish again",
        )
    else:
        yield ok("dead letters", f"{row['letters']}, none of the last 24 h")
