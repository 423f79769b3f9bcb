"""What is parked is retried after a fix, in order, or skipped for a reason."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from events.codec import Codec
from events.projection import ProjectionSettled, Settlement
from projections.executions import EXECUTIONS
from projections.faults import DatabaseUnavailable, FailureNotRecorded
from projections.projection import Projection
from projections.retry import Retried, Retry
from projections.skip import NotAtTheHead, Skip
from tests.projections.database import run
from tests.projections.driving import Driver, rows
from tests.projections.parking import ACCEPT_POISON, REFUSE_POISON, executed, refusing, traded
from tests.projections.story import NOW, KnownSchemas


@pytest.fixture
def driver(database: str) -> Iterator[Driver]:
    with refusing(database) as driver:
        yield driver


@pytest.fixture
def settled() -> list[ProjectionSettled]:
    return []


@pytest.fixture
def retry(driver: Driver, settled: list[ProjectionSettled]) -> Retry:
    return Retry(
        session=driver.session,
        codec=Codec(KnownSchemas()),
        record_failure=driver.failures,
        record_settlement=settled.append,
        now=lambda: NOW,
        by="ann",
        build="test",
    )


def try_again(retry: Retry, projection: Projection = EXECUTIONS) -> Retried:
    return retry(projection, "dispatch.events.tiny")


def test_after_the_fix_a_retry_catches_up_in_order(
    database: str, driver: Driver, retry: Retry, settled: list[ProjectionSettled]
) -> None:
    stream = traded("tiny", "MSFT", "POISON", "AAPL").records()
    driver.apply(stream)
    run(database, ACCEPT_POISON)

    assert try_again(retry) == Retried(applied=4, waiting=0)

    assert executed(database) == {"tiny": [1, 2, 3]}
    assert rows(database, "parked_events") == []
    [settlement] = settled
    assert (settlement.offset, settlement.settlement) == (2, Settlement.RETRIED)
    assert settlement.by == "ann"


def test_after_a_retry_the_account_goes_on_and_its_rows_are_those_of_a_quiet_life(
    database: str,
    driver: Driver,
    retry: Retry,
    make_database: Callable[..., str],
    migrated_template: str,
) -> None:
    log = traded("tiny", "MSFT", "POISON", "AAPL")
    driver.apply(log.records())
    run(database, ACCEPT_POISON)
    try_again(retry)
    log.intended(9)
    log.filled(9, "10", "100")
    driver.apply(log.records())

    quiet = make_database(migrated_template)
    undisturbed = Driver(quiet, EXECUTIONS)
    undisturbed.apply(log.records())
    undisturbed.close()
    for table in EXECUTIONS.tables:
        assert rows(database, table) == rows(quiet, table)


def test_a_retry_without_a_fix_changes_nothing_and_says_what_still_fails(
    database: str, driver: Driver, retry: Retry, settled: list[ProjectionSettled]
) -> None:
    driver.apply(traded("tiny", "MSFT", "POISON", "AAPL").records())

    result = try_again(retry)

    assert (result.applied, result.waiting) == (0, 4)
    assert result.stopped_at is not None
    assert result.stopped_at.offset == 2
    assert result.error is not None
    assert "no_poison" in result.error
    assert executed(database) == {"tiny": [1]}
    assert settled == []


def test_a_retry_stops_at_the_next_failure_and_keeps_what_went_well(
    database: str, driver: Driver, retry: Retry, settled: list[ProjectionSettled]
) -> None:
    driver.apply(traded("tiny", "POISON", "MSFT", "VENOM", "AAPL").records())
    run(database, ACCEPT_POISON)
    run(database, REFUSE_POISON.replace("POISON", "VENOM"))

    result = try_again(retry)

    assert (result.applied, result.waiting) == (4, 4)
    assert result.stopped_at is not None
    assert result.stopped_at.offset == 4
    assert executed(database) == {"tiny": [1, 2]}
    assert [failure.offset for failure in driver.failures.heard] == [0, 4]
    assert [settlement.offset for settlement in settled] == [0]

    run(database, ACCEPT_POISON)
    assert try_again(retry) == Retried(applied=4, waiting=0)
    assert executed(database) == {"tiny": [1, 2, 3, 4]}
    assert [settlement.offset for settlement in settled] == [0, 4]


NO_MORE_THAN_THREE = """
CREATE FUNCTION no_more_than_three() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM written) > 3 THEN
        RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER no_more_than_three AFTER INSERT ON dispatch_orders
REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION no_more_than_three();
"""
"""A server on which a merge of more than three orders takes longer than a statement may."""


def test_a_queue_that_no_single_statement_can_take_is_retried_part_by_part(
    database: str, driver: Driver, retry: Retry, settled: list[ProjectionSettled]
) -> None:
    driver.apply(traded("tiny", "POISON", *["MSFT"] * 9).records())
    run(database, ACCEPT_POISON)
    run(database, NO_MORE_THAN_THREE)

    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        try_again(retry)
    assert executed(database) == {}
    result = try_again(replace(retry, at_once=4))

    assert result == Retried(applied=20, waiting=0)
    assert executed(database) == {"tiny": list(range(1, 11))}
    assert [settlement.offset for settlement in settled] == [0]


def test_a_failure_in_a_later_part_of_the_queue_keeps_the_parts_before_it(
    database: str, driver: Driver, retry: Retry
) -> None:
    driver.apply(traded("tiny", "POISON", "MSFT", "MSFT", "VENOM", "AAPL").records())
    run(database, ACCEPT_POISON)
    run(database, REFUSE_POISON.replace("POISON", "VENOM"))

    result = try_again(replace(retry, at_once=4))

    assert (result.applied, result.waiting) == (6, 4)
    assert result.stopped_at is not None
    assert result.stopped_at.offset == 6
    assert executed(database) == {"tiny": [1, 2, 3]}


def test_a_retry_with_nothing_waiting_does_nothing(retry: Retry) -> None:
    assert try_again(retry) == Retried(applied=0, waiting=0)


@pytest.fixture
def skip(driver: Driver, settled: list[ProjectionSettled]) -> Skip:
    return Skip(session=driver.session, record_settlement=settled.append, now=lambda: NOW, by="ann")


def test_a_skipped_event_stays_out_for_a_reason_and_what_waited_behind_it_goes_on(
    database: str, driver: Driver, retry: Retry, skip: Skip, settled: list[ProjectionSettled]
) -> None:
    driver.apply(traded("tiny", "MSFT", "AAPL").records())
    driver.apply(traded("large", "POISON", "AAPL").records())

    skip(EXECUTIONS, "dispatch.events.large", 0, "a ticker that never was")
    run(database, ACCEPT_POISON)  # the fill of what was left out is no poison by itself
    result = retry(EXECUTIONS, "dispatch.events.large")

    assert result.waiting == 0
    assert executed(database)["tiny"] == [1, 2]
    assert 2 in executed(database)["large"]
    assert {row["recommendation_id"] for row in rows(database, "dispatch_orders")} == {1, 2}
    assert [(one.offset, one.settlement, one.reason) for one in settled] == [
        (0, Settlement.SKIPPED, "a ticker that never was")
    ]


@pytest.mark.parametrize(
    ("topic", "offset", "sentence"),
    [
        ("dispatch.events.tiny", 3, "stands still at: that is offset 2"),
        ("dispatch.events.large", 0, "nothing of dispatch.events.large is parked"),
    ],
)
def test_only_what_a_queue_stands_still_at_can_be_skipped(
    driver: Driver,
    skip: Skip,
    settled: list[ProjectionSettled],
    topic: str,
    offset: int,
    sentence: str,
) -> None:
    driver.apply(traded("tiny", "MSFT", "POISON").records())

    with pytest.raises(NotAtTheHead, match=sentence):
        skip(EXECUTIONS, topic, offset, "a mistake")

    assert settled == []


def test_what_only_waited_is_retried_and_never_skipped(driver: Driver, skip: Skip) -> None:
    driver.apply(traded("tiny", "POISON", "MSFT").records())
    skip(EXECUTIONS, "dispatch.events.tiny", 0, "a ticker that never was")

    with pytest.raises(NotAtTheHead, match="retry it"):
        skip(EXECUTIONS, "dispatch.events.tiny", 1, "too much of a good thing")


def test_nothing_is_let_go_while_kafka_does_not_acknowledge_the_skip(
    database: str, driver: Driver, skip: Skip
) -> None:
    driver.apply(traded("tiny", "POISON").records())

    def deaf(_: ProjectionSettled) -> None:
        raise ConnectionError("nobody there")

    with pytest.raises(FailureNotRecorded, match="nobody there"):
        replace(skip, record_settlement=deaf)(EXECUTIONS, "dispatch.events.tiny", 0, "why not")

    assert len(rows(database, "parked_events")) == 2
