from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import psycopg
import pytest

from events.codec import Codec
from events.envelope import Origin
from events.identifiers import AccountName
from events.projection import ProjectionFailed, ProjectionSettled, Settlement
from projections.engine import Applied
from projections.executions import EXECUTIONS
from projections.failures import failure_id
from projections.faults import DatabaseUnavailable, FailureNotRecorded
from projections.parked import list_parked, show_parked
from projections.projection import Projection, Readable
from projections.record import Record
from projections.retry import Retried, Retry
from projections.skip import NotAtTheHead, Skip
from projections.stage import Row
from projections.status import STATUS
from tests.projections.driving import Driver, Failures, after, rows
from tests.projections.story import CODEC, NOW, KnownSchemas, Log, record

REFUSE_POISON = """
ALTER TABLE dispatch_orders ADD CONSTRAINT no_poison CHECK (ticker <> 'POISON')
"""
ACCEPT_POISON = "ALTER TABLE dispatch_orders DROP CONSTRAINT no_poison"


@pytest.fixture
def driver(database: str) -> Iterator[Driver]:
    with psycopg.connect(database) as connection:
        connection.execute(REFUSE_POISON)
    driver = Driver(database, EXECUTIONS)
    yield driver
    driver.close()


def run(dsn: str, query: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(query.encode())


def executed(dsn: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows(dsn, "dispatch_executions", "account_name, recommendation_id"):
        found.setdefault(row["account_name"], []).append(row["recommendation_id"])
    return found


def traded(account: str, *tickers: str) -> Log:
    log = Log(AccountName(account))
    for number, ticker in enumerate(tickers, 1):
        log.intended(number, ticker=ticker)
        log.filled(number, "10", "100", ticker=ticker)
    return log


def mixed(*logs: Sequence[Record]) -> list[Record]:
    """Interleave logs as one poll of several partitions brings them."""
    longest = max(len(log) for log in logs)
    return [log[n] for n in range(longest) for log in logs if n < len(log)]


def test_a_poisoned_event_stops_its_account_in_its_projection_and_nobody_else(
    database: str, driver: Driver
) -> None:
    tiny = traded("tiny", "MSFT", "POISON", "AAPL")
    large = traded("large", "MSFT", "AAPL", "TSLA")
    stream = mixed(tiny.records(), large.records())

    applied = driver.apply(stream)

    assert applied == Applied(applied=8, failed=1, waiting=3)
    assert executed(database) == {"tiny": [1], "large": [1, 2, 3]}
    status = Driver(database, STATUS)
    assert status.apply(stream) == Applied(applied=12)
    status.close()


def test_a_failure_says_which_event_and_why(driver: Driver) -> None:
    tiny = traded("tiny", "MSFT", "POISON", "AAPL")

    driver.apply(tiny.records())

    [failure] = driver.failures.heard
    origin = tiny.records()[2].origin
    assert failure == ProjectionFailed(
        event_id=failure_id("executions", origin),
        projection="executions",
        account_name="tiny",
        topic="dispatch.events.tiny",
        partition=0,
        offset=2,
        event_type="OrderIntended",
        sqlstate="23514",
        error=failure.error,
        occurred_at=NOW,
        build="test",
    )
    assert failure.error.startswith("CheckViolation: ")
    assert "no_poison" in failure.error


def test_waiting_events_wait_in_their_bytes_and_in_order(database: str, driver: Driver) -> None:
    tiny = traded("tiny", "POISON", "MSFT")

    driver.apply(tiny.records())

    with psycopg.connect(database) as connection:
        [queue] = list_parked(connection)
        events = show_parked(connection, "executions", "dispatch.events.tiny")
    assert (queue.account_name, queue.events, queue.first_offset) == ("tiny", 4, 0)
    assert (queue.event_type, queue.sqlstate) == ("OrderIntended", "23514")
    assert [event.origin.offset for event in events] == [0, 1, 2, 3]
    assert [event.value for event in events] == [CODEC.encode(event) for event in tiny.events]
    assert [event.failed for event in events] == [True, False, False, False]


def test_what_comes_later_waits_behind_it_too(database: str, driver: Driver) -> None:
    tiny = traded("tiny", "POISON", "MSFT")
    large = traded("large", "MSFT")
    driver.apply(tiny.records()[:2])

    later = [*tiny.records()[2:], *large.records()]

    assert driver.apply(later) == Applied(applied=2, waiting=2)
    assert executed(database) == {"large": [1]}
    assert len(driver.failures.heard) == 1


def test_a_fill_that_came_before_its_order_is_told_of_beside_an_account_that_waits(
    database: str, driver: Driver
) -> None:
    tiny = Log(AccountName("tiny"))
    tiny.filled(1, "10", "100")
    tiny.intended(1)
    large = traded("large", "POISON", "MSFT").records()
    driver.apply([*tiny.records()[:1], *large[:2]])
    damaged = replace(large[2], event=None, unreadable="damaged bytes")

    driver.apply([*tiny.records()[1:], damaged])

    assert executed(database) == {"tiny": [1]}
    [order] = rows(database, "dispatch_orders")
    assert order["filled_quantity"] == 10


def test_the_culprit_is_found_in_the_middle_of_a_large_batch(database: str, driver: Driver) -> None:
    tickers = ["MSFT"] * 500
    tiny = traded("tiny", *tickers[:250], "POISON", *tickers[250:])
    large = traded("large", *tickers)

    applied = driver.apply(mixed(tiny.records(), large.records()))

    assert (applied.failed, applied.applied) == (1, 1500)
    assert executed(database)["tiny"] == list(range(1, 251))
    assert len(executed(database)["large"]) == 500


def test_every_account_can_have_a_culprit_in_one_batch(database: str, driver: Driver) -> None:
    logs = [traded(f"account-{n}", "MSFT", "POISON", "AAPL") for n in range(5)]

    applied = driver.apply(mixed(*[log.records() for log in logs]))

    assert (applied.failed, applied.applied) == (5, 10)
    assert executed(database) == {f"account-{n}": [1] for n in range(5)}


def test_a_bug_in_a_row_function_parks_the_event_it_breaks_on(database: str) -> None:
    def breaks(event: Readable, origin: Origin) -> Iterable[Row]:
        if origin.offset == 2:
            raise ZeroDivisionError("division by zero")
        return EXECUTIONS.rows(event, origin)

    driver = Driver(database, replace(EXECUTIONS, rows=breaks))
    applied = driver.apply(traded("tiny", "MSFT", "AAPL").records())
    driver.close()

    assert applied == Applied(applied=2, failed=1, waiting=1)
    assert driver.failures.heard[0].error == "ZeroDivisionError: division by zero"
    assert driver.failures.heard[0].sqlstate is None


def test_bytes_that_nobody_can_read_stop_their_account_and_are_kept(
    database: str, driver: Driver
) -> None:
    topic = "dispatch.events.tiny"
    good = traded("tiny", "MSFT").records()
    stream = [*good, record(topic, 2, b"\xff\x00junk"), record(topic, 3, None)]

    applied = driver.apply([*stream, *traded("large", "MSFT").records()])

    assert applied == Applied(applied=4, failed=1, waiting=1)
    with psycopg.connect(database) as connection:
        waiting = show_parked(connection, "executions", topic)
    assert [event.value for event in waiting] == [b"\xff\x00junk", None]
    assert "not with 0x00" in driver.failures.heard[0].error
    assert driver.failures.heard[0].event_type is None


def checkpoint(dsn: str) -> int:
    return int(rows(dsn, "projection_checkpoints")[0]["next_offset"])


@pytest.mark.usefixtures("driver")
def test_the_failure_is_acknowledged_before_the_checkpoint_moves(database: str) -> None:
    seen: list[int] = []

    class Watching(Failures):
        def __call__(self, failure: ProjectionFailed) -> None:
            seen.append(checkpoint(database))
            super().__call__(failure)

    watched = Driver(database, EXECUTIONS, Watching())
    watched.apply(traded("tiny", "MSFT", "POISON").records())
    watched.close()

    assert seen == [2]
    assert checkpoint(database) == 4


def test_nothing_is_parked_while_kafka_does_not_acknowledge(database: str, driver: Driver) -> None:
    stream = traded("tiny", "MSFT", "POISON", "AAPL").records()
    driver.failures.refuses = True
    with pytest.raises(FailureNotRecorded, match="no acknowledgement within 5 s"):
        driver.apply(stream)
    assert rows(database, "parked_events") == []
    assert checkpoint(database) == 2

    driver.failures.refuses = False
    assert driver.engine.apply(stream, after(stream)) == Applied(failed=1, waiting=3)


def test_no_error_is_hidden_behind_an_aborted_transaction(database: str, driver: Driver) -> None:
    logs = [traded(f"account-{n}", "POISON") for n in range(3)]

    driver.apply(mixed(*[log.records() for log in logs]))

    assert len(driver.failures.heard) == 3
    assert all("InFailedSqlTransaction" not in told.error for told in driver.failures.heard)
    assert driver.apply(traded("large", "MSFT").records()) == Applied(applied=2)
    assert executed(database) == {"large": [1]}


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
