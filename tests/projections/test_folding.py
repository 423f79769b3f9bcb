"""A fold stands where the tables do: it goes on, reads what it lacks, and is never ahead."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from events.catalog import LOG_EVENTS
from events.decision import RecommendationDeclined
from events.envelope import Origin
from events.identifiers import AccountName
from events.order import OrderIntended
from projections.faults import FoldBehind
from projections.folding import Folds
from projections.projection import Folding, Projection, Readable
from projections.stage import Row
from tests.projections.past import Remembered
from tests.projections.story import Log

PLACE = ("dispatch.events.tiny", 0)


def step(offsets: tuple[int, ...] | None, _: Readable, origin: Origin) -> tuple[int, ...]:
    return (*(offsets or ()), origin.offset)


def row(offsets: tuple[int, ...]) -> Iterable[Row]:
    yield offsets


SEEN = Projection(
    name="seen",
    reads_logs=True,
    events=frozenset(LOG_EVENTS),
    tables=(),
    stages=(),
    rows=lambda _event, _origin: (),
    folding=Folding(
        step=step, rows=row, dump=json.dumps, load=lambda text: tuple(json.loads(text))
    ),
)


@pytest.fixture
def past() -> Remembered:
    log = Log(AccountName("tiny"))
    for number in range(1, 11):
        log.declined(number)
    return Remembered(log.records())


def told(folds: Folds, past: Remembered, first: int, end: int) -> list[Row]:
    rows, ahead = folds.told(past.records[first:end], known={PLACE: first}, to={PLACE: end})
    folds.keep(ahead)
    return rows


def test_a_fold_goes_on_from_batch_to_batch_and_reads_nothing_twice(past: Remembered) -> None:
    folds = Folds(SEEN, past)

    assert told(folds, past, 0, 3) == [(0, 1, 2)]
    assert told(folds, past, 3, 5) == [(0, 1, 2, 3, 4)]
    assert past.read_offsets == []


def test_what_was_rolled_back_is_not_folded(past: Remembered) -> None:
    folds = Folds(SEEN, past)
    told(folds, past, 0, 3)

    folds.told(past.records[3:8], known={PLACE: 3}, to={PLACE: 8})

    assert told(folds, past, 3, 4) == [(0, 1, 2, 3)]


def test_a_fold_that_begins_late_reads_what_came_before(past: Remembered) -> None:
    folds = Folds(SEEN, past)

    with pytest.raises(FoldBehind, match=r"has folded dispatch\.events\.tiny up to 0 of 4"):
        told(folds, past, 4, 6)
    folds.catch_up({PLACE: 4})

    assert told(folds, past, 4, 6) == [(0, 1, 2, 3, 4, 5)]


def test_a_fold_reads_only_what_it_lacks(past: Remembered) -> None:
    folds = Folds(SEEN, past)
    told(folds, past, 0, 4)

    folds.catch_up({PLACE: 7})

    assert past.read_offsets == [4, 5, 6]
    assert told(folds, past, 7, 8) == [tuple(range(8))]


def test_tables_that_went_back_are_folded_from_the_beginning(past: Remembered) -> None:
    folds = Folds(SEEN, past)
    told(folds, past, 0, 9)

    folds.catch_up({PLACE: 2})

    assert told(folds, past, 2, 3) == [(0, 1, 2)]


def test_a_long_past_is_folded_in_goes_and_nothing_is_read_twice(past: Remembered) -> None:
    folds = Folds(SEEN, past)

    with pytest.raises(FoldBehind, match="up to 4 of 9"):
        folds.catch_up({PLACE: 9}, records_max=3)
    with pytest.raises(FoldBehind, match="up to 8 of 9"):
        folds.catch_up({PLACE: 9}, records_max=3)
    folds.catch_up({PLACE: 9}, records_max=3)

    assert past.read_offsets == list(range(9))


def test_what_was_skipped_is_not_folded(past: Remembered) -> None:
    past.skipped = {1}
    folds = Folds(SEEN, past)

    folds.catch_up({PLACE: 3})

    assert told(folds, past, 3, 4) == [(0, 2, 3)]


def test_holes_that_transactions_leave_move_a_fold_too(past: Remembered) -> None:
    folds = Folds(SEEN, past)
    told(folds, past, 0, 1)

    rows, ahead = folds.told([], known={PLACE: 1}, to={PLACE: 3})
    folds.keep(ahead)

    assert rows == []
    assert told(folds, past, 3, 4) == [(0, 3)]


def test_a_past_that_cannot_be_folded_stops_its_own_account_only(past: Remembered) -> None:
    class Broken(Remembered):
        def read(self, projection: str, partition: tuple[str, int], start: int, end: int):  # type: ignore[no-untyped-def] # noqa: ANN202 -- as its parent's
            if partition == PLACE:
                raise ValueError("its head is gone")
            return super().read(projection, partition, start, end)

    large = Log(AccountName("large"))
    large.declined(1)
    large.declined(2)
    other = ("dispatch.events.large", 0)
    folds = Folds(SEEN, Broken(large.records()))

    folds.catch_up({PLACE: 4, other: 1})

    rows, _ = folds.told(large.records()[1:], known={other: 1}, to={other: 2})
    assert rows == [(0, 1)]
    with pytest.raises(ValueError, match="its head is gone"):
        told(folds, past, 4, 5)


def test_a_fold_takes_no_notice_of_what_it_does_not_read() -> None:
    log = Log(AccountName("tiny"))
    log.declined(1)
    log.intended(2)
    log.declined(3)
    intents = replace(SEEN, events=frozenset({OrderIntended}))
    whole = log.records()
    passed_over = [
        replace(record, event=None, passed_over=RecommendationDeclined) if at != 1 else record
        for at, record in enumerate(whole)
    ]

    for records in (whole, passed_over):
        folds = Folds(intents, None)
        before, ahead = folds.told(records[:1], known={PLACE: 0}, to={PLACE: 1})
        folds.keep(ahead)
        after, _ = folds.told(records[1:], known={PLACE: 1}, to={PLACE: 3})
        assert (before, after) == ([], [(1,)])
