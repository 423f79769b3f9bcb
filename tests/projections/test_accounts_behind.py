"""Tables of accounts that fell behind, by what could not be applied or was passed by, catch up."""

from collections.abc import Callable, Iterator

import pytest

from consumers.projector.lane import Lane
from events.codec import Codec
from projections.accounts import ACCOUNTS
from projections.engine import Applied
from projections.retry import Retried, Retry
from projections.session import Session
from tests.builders import NOW, an_adjustment
from tests.order_builders import a_fill
from tests.projections.database import run
from tests.projections.driving import Driver, Failures, after
from tests.projections.eventful import (
    EVENTFUL,
    LATER,
    MENDED,
    POISON,
    TABLES,
    TOPIC,
    an_engine,
    applied,
    tables,
    told,
)
from tests.projections.past import Remembered
from tests.projections.story import KnownSchemas


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    run(database, POISON)
    session = Session(database)
    yield session
    session.close()


def a_retry(session: Session, past: Remembered, *, at_once: int = 5000) -> Retry:
    return Retry(
        session=session,
        codec=Codec(KnownSchemas()),
        record_failure=Failures(),
        record_settlement=lambda _: None,
        now=lambda: NOW,
        by="ann",
        build="test",
        past=past,
        at_once=at_once,
    )


def test_an_event_that_cannot_be_applied_leaves_the_rows_of_the_one_before(
    database: str, session: Session, make_database: Callable[..., str], migrated_template: str
) -> None:
    stream, failures = told(EVENTFUL), Failures()
    engine = an_engine(session, Remembered(stream), failures)
    engine.begin((TOPIC, 0), 0)

    engine.apply(stream, after(stream))

    assert [failure.offset for failure in failures.heard] == [5]
    assert tables(database) == applied(make_database(migrated_template), EVENTFUL[:5])


@pytest.mark.parametrize("at_once", [1, 2, 5000])
def test_after_the_fix_a_retry_goes_on_in_order_and_so_does_the_projector(
    database: str,
    session: Session,
    make_database: Callable[..., str],
    migrated_template: str,
    at_once: int,
) -> None:
    more = [*EVENTFUL, a_fill(LATER, 3, 50), an_adjustment(1, 90)]
    stream = told(more)
    past = Remembered(stream)
    engine = an_engine(session, past, Failures())
    engine.begin((TOPIC, 0), 0)
    engine.apply(stream[:8], after(stream[:8]))
    engine.apply(stream[8:10], after(stream[8:10]))
    run(database, MENDED)

    assert a_retry(session, past, at_once=at_once)(ACCOUNTS, TOPIC) == Retried(applied=5, waiting=0)
    assert tables(database) == applied(make_database(migrated_template), EVENTFUL)

    engine.apply(stream[10:], after(stream[10:]))
    assert tables(database) == applied(make_database(migrated_template), more)


def test_a_retry_that_fails_halfway_keeps_what_went_well(
    database: str, session: Session, make_database: Callable[..., str], migrated_template: str
) -> None:
    more = [*EVENTFUL, a_fill(LATER, 3, 50), an_adjustment(1, 90)]
    stream = told(more)
    past = Remembered(stream)
    engine = an_engine(session, past, Failures())
    engine.begin((TOPIC, 0), 0)
    engine.apply(stream, after(stream))
    run(database, MENDED)
    run(database, POISON.replace("2", "3"))

    result = a_retry(session, past)(ACCOUNTS, TOPIC)

    assert (result.applied, result.waiting) == (5, 2)
    assert tables(database) == applied(make_database(migrated_template), EVENTFUL)
    run(database, MENDED)
    assert a_retry(session, past)(ACCOUNTS, TOPIC) == Retried(applied=2, waiting=0)
    assert tables(database) == applied(make_database(migrated_template), more)


def test_a_batch_that_was_rolled_back_is_not_in_the_fold(
    database: str, session: Session, make_database: Callable[..., str], migrated_template: str
) -> None:
    run(database, MENDED)
    stream = told(EVENTFUL)
    engine = an_engine(session, Remembered([]), Failures())
    engine.begin((TOPIC, 0), 0)
    engine.apply(stream[:4], after(stream[:4]))
    run(database, "ALTER TABLE account_state RENAME TO account_state_away")
    with pytest.raises(Exception, match="account_state"):
        engine.apply(stream[4:], after(stream[4:]))
    run(database, "ALTER TABLE account_state_away RENAME TO account_state")

    engine.apply(stream[4:], after(stream[4:]))

    assert tables(database) == applied(make_database(migrated_template), EVENTFUL)


@pytest.mark.parametrize(("left", "read"), [(6, []), (3, []), (5, [4]), (2, [0, 1])])
def test_after_a_crash_that_lost_commits_no_more_of_the_log_is_read_than_nobody_remembers(
    database: str,
    make_database: Callable[..., str],
    migrated_template: str,
    left: int,
    read: list[int],
) -> None:
    # given: batches up to 3, 4, 6 and the end, and checkpoints as a crash of PostgreSQL left them
    stream = told(EVENTFUL)
    past, session = Remembered(stream), Session(database)
    engine = an_engine(session, past, Failures())
    engine.begin((TOPIC, 0), 0)
    for batch in (stream[:3], stream[3:4], stream[4:6], stream[6:]):
        engine.apply(batch, after(batch))
    run(database, f"UPDATE projection_checkpoints SET next_offset = {left}")  # noqa: S608 -- a number
    engine.resume()

    # when: the log is read again from there
    engine.apply(stream[left:], after(stream))

    # then
    assert past.read_offsets == read
    assert tables(database) == applied(make_database(migrated_template), EVENTFUL)
    session.close()


def test_a_long_past_is_folded_in_goes_between_which_the_other_projections_have_their_turn(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = applied(database, EVENTFUL)
    run(database, f"TRUNCATE {', '.join(TABLES)}")
    stream = told(EVENTFUL)
    first = Driver(database, ACCOUNTS)
    first.apply(stream[:9])
    first.close()
    monkeypatch.setattr("projections.engine.RECORDS_AT_ONCE_MAX", 2)
    session = Session(database)
    past = Remembered(stream)
    lane = Lane(an_engine(session, past, Failures()), backoff_ms=1, backoff_max_ms=1)
    lane.gain((TOPIC, 0), 0)

    assert lane.write(lane.prepare(stream[9:]), after(stream), {(TOPIC, 0): 9}) == Applied()
    goes = 1
    while (taken_up := lane.take_up()) is None:
        assert lane.behind
        goes += 1
    session.close()

    assert (goes, taken_up) == (4, Applied(applied=len(stream) - 9))
    assert past.read_offsets == list(range(9))
    assert tables(database) == quiet


def test_a_projection_that_was_passed_by_applies_nothing_and_asks_for_what_it_has_not_seen(
    database: str,
) -> None:
    quiet = applied(database, EVENTFUL)
    run(database, f"TRUNCATE {', '.join(TABLES)}")
    stream = told(EVENTFUL)
    session = Session(database)
    lane = Lane(an_engine(session, Remembered(stream), Failures()), backoff_ms=1, backoff_max_ms=1)
    lane.gain((TOPIC, 0), 0)
    lane.write(lane.prepare(stream[:3]), after(stream[:3]), {(TOPIC, 0): 0})

    passed_by = lane.write(lane.prepare(stream[5:]), after(stream), {(TOPIC, 0): 5})

    assert passed_by == Applied()
    assert lane.behind
    assert lane.take_up() == Applied()
    assert lane.engine.checkpoints == {(TOPIC, 0): 3}
    lane.write(lane.prepare(stream[3:]), after(stream), {(TOPIC, 0): 3})
    session.close()
    assert tables(database) == quiet
