"""The two acts: a projection that breaks, and a dispatcher that is killed."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import psycopg

from cli.demo.facts import executions_in_table, orders_in_ledger
from cli.demo.scene import LARGE, TINY, Scene, Service
from cli.demo.stage import DemoFailed, Stage, unsettled
from consumers.scan import scan
from consumers.tables import rows
from events.identifiers import AccountName
from events.projection import ProjectionFailed
from events.topics import PROJECTION_FAILURES, log_of

ACTS_START: Final = date(2022, 4, 1)
_SECOND_ACT: Final = date(2022, 10, 1)
_LAST_DAY: Final = date(2022, 12, 28)
_BREAK: Final = (
    "ALTER TABLE dispatch_executions ADD CONSTRAINT demo_breaks_tiny "
    "CHECK (account_name <> 'tiny' OR entry_price < 0) NOT VALID"
)
_REPAIR: Final = "ALTER TABLE dispatch_executions DROP CONSTRAINT demo_breaks_tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenProjection:
    """Act 1: what was found while `dispatch_executions` refused an account, and after."""

    executed_meanwhile: int
    failure_in_kafka: str
    parked: int
    rows_of_tiny_while_broken: int
    rows_of_large_while_broken: int
    rows_of_tiny_after_retry: int
    retry_said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KilledDispatcher:
    """Act 2: what was found after `kill -9` in the middle, counted from log and ledger."""

    decided_when_killed: int
    recommendations: int
    without_end: int
    intended_twice: int
    orders_in_ledger: int
    orders_filled_in_log: int


def break_a_projection(stage: Stage, projector: Service) -> BrokenProjection:
    """Break a column of `dispatch_executions` for tiny, trade on, repair it, retry.

    Raises:
        DemoFailed: The promise was not kept.
    """
    scene = stage.scene
    before = {account: executions_in_table(scene, account) for account in (LARGE, TINY)}
    executed = stage.followers[TINY].tally.ends()["executed"]
    _sql(scene, _BREAK)
    advice = stage.issue(ACTS_START, _SECOND_ACT - timedelta(days=1))
    stage.run_dispatchers("Act 1: table broken", advice)
    stage.await_projections(projector)
    broken = {account: executions_in_table(scene, account) for account in (LARGE, TINY)}
    parked = _parked(scene)
    failure = _failure(stage)
    executed = stage.followers[TINY].tally.ends()["executed"] - executed
    _sql(scene, _REPAIR)
    said = scene.retry("executions", log_of(TINY).name)
    found = BrokenProjection(
        executed_meanwhile=executed,
        failure_in_kafka=failure,
        parked=parked,
        rows_of_tiny_while_broken=broken[TINY] - before[TINY],
        rows_of_large_while_broken=broken[LARGE] - before[LARGE],
        rows_of_tiny_after_retry=executions_in_table(scene, TINY) - before[TINY],
        retry_said=said,
    )
    if found.rows_of_tiny_after_retry != executed or _parked(scene):
        raise DemoFailed(f"act 1: the tables did not catch up: {found}")
    return found


def kill_a_dispatcher(stage: Stage, projector: Service) -> KilledDispatcher:
    """Kill large-default's dispatcher in the middle of its work, and start it again.

    Raises:
        DemoFailed: The promise was not kept.
    """
    advice = stage.issue(_SECOND_ACT, _LAST_DAY)
    ids = {one.recommendation_id for one in advice}
    follower = stage.followers[LARGE]
    killed_at: list[int] = []

    def kill_once(services: dict[AccountName, Service]) -> None:
        decided = len(ids & follower.tally.decided)
        if not killed_at and decided > len(ids) // 3 and services[LARGE].running:
            services[LARGE].kill()
            killed_at.append(decided)
            services[LARGE] = stage.scene.dispatch(LARGE)

    stage.run_dispatchers("Act 2: kill -9", advice, meanwhile=kill_once)
    stage.await_projections(projector)
    if not killed_at:
        raise DemoFailed("act 2: the dispatcher was through before it could be killed")
    tally = follower.tally
    found = KilledDispatcher(
        decided_when_killed=killed_at[0],
        recommendations=len(advice),
        without_end=len(unsettled(advice, follower)),
        intended_twice=sum(times > 1 for times in tally.intended.values()),
        orders_in_ledger=orders_in_ledger(stage.scene, LARGE),
        orders_filled_in_log=len(tally.filled),
    )
    kept = not found.without_end and not found.intended_twice
    if not kept or found.orders_in_ledger != found.orders_filled_in_log:
        raise DemoFailed(f"act 2: something was lost or repeated: {found}")
    return found


def _sql(scene: Scene, statement: str) -> None:
    with psycopg.connect(scene.addresses.postgres_dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def _parked(scene: Scene) -> int:
    [row] = rows(scene.addresses.postgres_dsn, "SELECT count(*) AS n FROM parked_events")
    return int(row["n"])


def _failure(stage: Stage) -> str:
    failures = [
        event
        for message in scan(stage.scene.settings.kafka.cluster, PROJECTION_FAILURES.name)
        if isinstance(event := stage.codec.decode(message.value()), ProjectionFailed)
    ]
    if not failures:
        raise DemoFailed("act 1: no failure was recorded in Kafka")
    first = failures[0]
    return f"{first.topic} offset {first.offset}: {first.error.partition(' (')[0]}"
