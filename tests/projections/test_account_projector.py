"""The account tables under a real projector: begun late, skipped, without a head, rebuilt."""

import psycopg
import pytest

from consumers.projector.building import RebuildSettings
from consumers.projector.past import LogPast
from consumers.projector.rebuild import rebuild
from consumers.projector.recorder import ProjectionRecorder
from consumers.projector.verify import verify
from consumers.projector.verify_case import Verified
from events import roles
from events.identifiers import event_id
from events.projection import ProjectionSettled, Settlement
from projections.accounts import ACCOUNTS
from projections.retry import Retried, Retry
from projections.session import Session
from tests.projections.database import run
from tests.projections.driving import rows
from tests.projections.projecting import World, executed, projecting, traded
from tests.projections.story import NOW

TINY = "dispatch.events.tiny"


def verified(world: World) -> Verified:
    [found] = verify(world.cluster, world.codec, world.database, [ACCOUNTS])
    assert found.differences == ()
    return found


def executions(world: World) -> dict[str, int]:
    found = rows(world.database, "account_state", "1")
    return {row["account_name"]: row["executed_count"] for row in found}


def skip(world: World, offset: int) -> None:
    """Skip a parked event: told to Kafka first, then taken from those that wait."""
    ProjectionRecorder(world.cluster, world.codec)(
        ProjectionSettled(
            event_id=event_id("accounts", f"skip {offset}", None, roles.SETTLED),
            projection="accounts",
            account_name="tiny",
            topic=TINY,
            partition=0,
            offset=offset,
            settlement=Settlement.SKIPPED,
            reason="it was nothing",
            by="ann",
            occurred_at=NOW,
        )
    )
    run(
        world.database,
        f"DELETE FROM parked_events WHERE projection = 'accounts' AND log_offset = {offset}",  # noqa: S608 -- of ours
    )


def retry(world: World) -> Retried:
    session = Session(world.database)
    recorder = ProjectionRecorder(world.cluster, world.codec)
    try:
        return Retry(
            session=session,
            codec=world.codec,
            record_failure=recorder,
            record_settlement=recorder,
            now=lambda: NOW,
            by="ann",
            build="test",
            past=LogPast(world.cluster, world.codec),
        )(ACCOUNTS, TINY)
    finally:
        session.close()


def test_each_projector_goes_on_where_the_last_one_ended(world: World) -> None:
    log = traded("tiny", 4)
    for start in range(0, 8, 3):
        world.write(log, log.events[start : start + 3])
        world.catch_up()

    assert executions(world) == {"tiny": 4}
    assert verified(world).events == 8


def test_a_retry_by_another_process_is_noticed_by_the_projector_that_runs(world: World) -> None:
    run(
        world.database, "ALTER TABLE account_state ADD CONSTRAINT no_two CHECK (executed_count < 2)"
    )
    log = traded("tiny", 4)
    world.write(log, log.events[:6])
    world.write(traded("large", 1))
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up and progress.waiting > 0)
        assert executions(world) == {"large": 1, "tiny": 1}
        run(world.database, "ALTER TABLE account_state DROP CONSTRAINT no_two")

        assert retry(world) == Retried(applied=3, waiting=0)
        world.write(log, log.events[6:])
        running.wait_until(lambda _: executions(world)["tiny"] == 4)

    assert running.errors == []
    assert verified(world).parked == 0


def test_a_skipped_event_stays_out_of_the_fold_of_a_projector_that_runs(world: World) -> None:
    run(
        world.database,
        "ALTER TABLE account_state ADD CONSTRAINT no_two CHECK (executed_count <> 2)",
    )
    log = traded("tiny", 4)
    with projecting(world) as running:
        world.write(log, log.events[:5])
        running.wait_until(lambda progress: progress.waiting == 1)
        world.write(log, log.events[5:6])
        running.wait_until(lambda progress: progress.waiting == 2)
        run(world.database, "ALTER TABLE account_state DROP CONSTRAINT no_two")
        [failed] = [
            row["log_offset"]
            for row in rows(world.database, "parked_events", "log_offset")
            if row["failure_id"] is not None
        ]
        skip(world, failed)

        assert retry(world) == Retried(applied=2, waiting=0)
        world.write(log, log.events[6:])
        running.wait_until(lambda _: executions(world)["tiny"] == 3)

    assert running.errors == []
    assert len(executed(world.database)) == 4
    assert verified(world).skipped == 1


def test_a_log_without_its_head_stops_its_account_in_these_tables_and_no_other(
    world: World,
) -> None:
    log = traded("tiny", 3)
    world.write(log)
    world.write(traded("large", 2))
    world.forget_before("tiny", 6)

    world.catch_up()

    assert executions(world) == {"large": 2}
    assert len(executed(world.database)) > 2
    [failure] = rows(world.database, "dispatch_failures")
    assert failure["projection"] == "accounts"
    assert "its head is gone" in failure["error"]


def test_tables_emptied_by_hand_are_rebuilt_and_the_projector_goes_on_from_them(
    world: World,
) -> None:
    log = traded("tiny", 4)
    world.write(log, log.events[:5])
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up and progress.records >= 5)
        before = [rows(world.database, table, "1, 2") for table in ACCOUNTS.tables]
        run(world.database, f"TRUNCATE {', '.join(ACCOUNTS.tables)}")

        settings = RebuildSettings(
            cluster=world.cluster,
            postgres_dsn=world.database,
            build="test",
            by="somebody",
            now=lambda: NOW,
        )
        [done] = rebuild(settings, world.codec, [ACCOUNTS])

        assert done.rows_changed == 2
        assert [rows(world.database, table, "1, 2") for table in ACCOUNTS.tables] == before
        world.write(log, log.events[5:])
        running.wait_until(lambda _: executions(world)["tiny"] == 4)
    verified(world)


def test_only_events_can_write_numbers_that_make_sense(database: str) -> None:
    for wrong in ("'NaN'", "1e19", "-1"):
        with (
            psycopg.connect(database) as connection,
            pytest.raises(psycopg.errors.CheckViolation, match="ck_account_state_numbers"),
        ):
            connection.execute(
                f"""
                INSERT INTO account_state VALUES (
                    'tiny', NULL, NULL, 'ACTIVE', NULL, NULL, NULL, 0, NULL, {wrong}, NULL,
                    0, 0, 0, '2026-03-02', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                    NULL, NULL, NULL, NULL, NULL, 0, 0, '2026-03-02'
                )
                """.encode()  # noqa: S608 -- of ours
            )
