"""What a rebuild may not park, what it clears, and what it leaves out."""

import pytest

from consumers.errors import ConfigurationError, Refused
from consumers.projector.recorder import ProjectionRecorder
from events import roles
from events.identifiers import event_id
from events.projection import ProjectionSettled, Settlement
from tests.projections.database import run
from tests.projections.driving import rows
from tests.projections.eventful import POISON
from tests.projections.projecting import World, executed, traded
from tests.projections.rebuilding import EXECUTIONS, content, is_verified, rebuilt, schemas
from tests.projections.story import NOW


def test_empty_tables_stay_empty_where_it_would_park_what_is_not_parked(world: World) -> None:
    world.write(traded("tiny", 3))
    world.catch_up()
    run(world.database, f"TRUNCATE {', '.join(EXECUTIONS.tables)}")
    before = content(world.database)
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
    )

    with pytest.raises(Refused, match="would park 4 events"):
        rebuilt(world, EXECUTIONS)

    assert content(world.database) == before
    assert executed(world.database) == []


def test_it_refuses_to_park_what_the_live_tables_hold(world: World) -> None:
    world.write(traded("tiny", 3))
    world.catch_up()
    before = content(world.database)
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two "
        "CHECK (recommendation_id <> 2) NOT VALID",
    )

    with pytest.raises(Refused, match=r"would park 4 events .* offset 10 .*no_two"):
        rebuilt(world, EXECUTIONS)

    assert content(world.database) == before
    assert rows(world.database, "parked_events") == []
    assert schemas(world.database) == []


def test_once_the_cause_is_mended_a_rebuild_clears_what_was_parked_and_says_so(
    world: World,
) -> None:
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
    )
    world.write(traded("tiny", 3))
    world.catch_up()
    assert len(rows(world.database, "parked_events")) == 4
    run(world.database, "ALTER TABLE dispatch_orders DROP CONSTRAINT no_two")

    [done] = rebuilt(world, EXECUTIONS)
    world.catch_up()

    assert (done.parked, done.parked_cleared) == (0, 4)
    assert rows(world.database, "parked_events") == []
    assert executed(world.database) == [("tiny", number) for number in (1, 2, 3)]
    [failure] = rows(world.database, "dispatch_failures")
    assert (failure["settlement"], failure["settled_by"]) == ("RETRIED", "somebody")
    assert is_verified(world)


@pytest.mark.parametrize(
    ("refusal", "projection"),
    [
        (
            "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
            "executions",
        ),
        (POISON, "accounts"),
    ],
    ids=["one of its rows", "the one row that its account has"],
)
def test_what_still_cannot_be_applied_stays_parked(
    world: World, refusal: str, projection: str
) -> None:
    run(world.database, refusal)
    world.write(traded("tiny", 3))
    world.write(traded("large", 1))
    world.catch_up()
    before = content(world.database)
    parked = rows(world.database, "parked_events")
    assert {row["projection"] for row in parked} == {projection}

    rebuilt(world)

    assert content(world.database) == before
    assert rows(world.database, "parked_events") == parked


def test_a_skipped_event_is_left_out(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()
    [fill] = [
        row for row in rows(world.database, "dispatch_fills") if row["recommendation_id"] == 2
    ]
    ProjectionRecorder(world.cluster, world.codec)(
        ProjectionSettled(
            event_id=event_id("executions", "skip", None, roles.SETTLED),
            projection="executions",
            account_name="tiny",
            topic="dispatch.events.tiny",
            partition=0,
            offset=fill["log_offset"],
            settlement=Settlement.SKIPPED,
            reason="nonsense",
            by="somebody",
            occurred_at=NOW,
        )
    )
    world.catch_up()

    [done] = rebuilt(world, EXECUTIONS)

    assert done.skipped == 1
    assert executed(world.database) == [("tiny", 1)]
    assert is_verified(world)


def test_a_log_whose_head_is_gone_is_not_rebuilt(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()
    before = content(world.database)
    world.forget_before("tiny", 4)

    with pytest.raises(ConfigurationError, match="its head is gone"):
        rebuilt(world)

    assert content(world.database) == before


def test_a_key_that_somebody_else_made_unique_is_met_as_the_live_tables_met_it(
    world: World,
) -> None:
    run(world.database, "CREATE UNIQUE INDEX one_each ON dispatch_orders (account_name, ticker)")
    world.write(traded("tiny", 3))
    world.write(traded("large", 1))
    world.catch_up()
    before, parked = content(world.database), rows(world.database, "parked_events")

    rebuilt(world)

    assert len(parked) > 0
    assert content(world.database) == before
    after = rows(world.database, "parked_events")
    assert [row["log_offset"] for row in after] == [row["log_offset"] for row in parked]
