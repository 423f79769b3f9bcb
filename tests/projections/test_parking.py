"""One event that cannot be applied stops its account in its projection, and nobody else."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import psycopg
import pytest

from events.envelope import Origin
from events.identifiers import AccountName
from events.projection import ProjectionFailed
from projections.engine import Applied
from projections.executions import EXECUTIONS
from projections.failures import failure_id
from projections.faults import FailureNotRecorded
from projections.parked import list_parked, show_parked
from projections.projection import Readable
from projections.record import Record
from projections.stage import Row
from projections.status import STATUS
from tests.projections.driving import Driver, Failures, after, rows
from tests.projections.parking import executed, refusing, traded
from tests.projections.story import CODEC, NOW, Log, record


@pytest.fixture
def driver(database: str) -> Iterator[Driver]:
    with refusing(database) as driver:
        yield driver


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
