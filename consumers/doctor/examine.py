"""Ask everything at once; what cannot be asked because something else is down is left out."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from consumers.doctor.account_checks import (
    check_dispatcher,
    check_identity_of,
    check_trading,
)
from consumers.doctor.broker_checks import check_broker
from consumers.doctor.database_checks import (
    check_clock,
    check_database,
    check_dead_letters,
    check_parked,
)
from consumers.doctor.finding import Finding, Verdict, failed, ok
from consumers.doctor.kafka_checks import check_kafka, check_layout, check_transactions
from consumers.doctor.machine_checks import check_disk
from consumers.doctor.offsets import Offsets
from consumers.doctor.projection_checks import check_projections
from consumers.doctor.registry_checks import check_registry
from consumers.errors import DispatcherError
from consumers.registry import RegistrySchemaSource
from consumers.settings import Settings
from events.codec import Codec

_Check: TypeAlias = Callable[[], Iterable[Finding]]


def examine(settings: Settings, now_s: float | None = None) -> list[Finding]:
    """Return what every check found, services first; nothing is changed anywhere.

    Args:
        settings: Whose services to look at.
        now_s: What time it is, in UNIX seconds; None: the machine's own.
    """
    began_s = time.time()
    now_s = began_s if now_s is None else now_s
    source = RegistrySchemaSource(settings.registry.url)
    cluster = settings.kafka.cluster
    offsets = Offsets(cluster)
    dsn = None if settings.postgres is None else settings.postgres_dsn()
    accounts = list(settings.accounts.values())
    try:
        with ThreadPoolExecutor(3) as pool:
            first = pool.map(
                list[Finding],
                (check_kafka(settings, offsets), check_registry(source), _database(dsn)),
            )
            kafka, registry, database = first
        found = [*kafka, *registry, *database]
        if _well(kafka):
            found += _asked("topics", lambda: check_layout(settings))
            found += _asked("transactions", lambda: check_transactions(settings, offsets, now_s))
        if dsn is not None and _well(database[:1]):  # it answers, whatever is pending
            found += _asked("clock", lambda: check_clock(dsn, now_s - began_s))
        if dsn is not None and _well(database):
            if _well(kafka):
                found += _asked("projections", lambda: check_projections(cluster, dsn, now_s))
            found += _asked("parked", lambda: check_parked(dsn))
            found += _asked("dead letters", lambda: check_dead_letters(dsn))
        for account in accounts:
            found += check_broker(account, now_s - began_s)
            if _well(kafka) and _well(registry):
                identity = check_identity_of(settings, account, Codec(source))
                found += identity
                if _well(identity):
                    found += _asked(
                        f"trading {account.name}",
                        partial(check_trading, settings, account, Codec(source)),
                    )
            if _well(kafka):
                found += _asked(
                    f"dispatcher {account.name}",
                    partial(check_dispatcher, settings, account, offsets, now_s),
                )
    finally:
        source.close()
    return [*found, *check_disk(settings)]


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 7 if a service is unreachable, else 3 if something must be mended, else 0."""
    return max((finding.exit_code for finding in findings), default=0)


def _database(dsn: str | None) -> Iterable[Finding]:
    if dsn is None:
        return [ok("postgres", "not configured: no tables are kept from here")]
    return check_database(dsn)


def _asked(check: str, question: _Check) -> list[Finding]:
    try:
        return list(question())
    except DispatcherError as error:
        return [failed(check, error, "dispatcher doctor, once that is mended")]


def _well(findings: Iterable[Finding]) -> bool:
    return all(finding.verdict is not Verdict.FAIL for finding in findings)
