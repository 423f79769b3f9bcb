"""What was folded is gone on with after a start, and only where it is surely right."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import LogEvent
from events.codec import Codec
from projections.account_books import Books, dump, load, step
from projections.accounts import ACCOUNTS
from projections.checkpoints import Partition
from projections.folding import Folds
from projections.kept import Keeping, KeptFolds
from projections.record import Record
from projections.session import Session
from projections.shadow import Shadow
from tests.builders import a_decline
from tests.order_builders import a_fill
from tests.projections.database import run
from tests.projections.driving import Failures, after, rows
from tests.projections.eventful import EVENTFUL, LATER, TOPIC, an_engine, applied, tables, told
from tests.projections.past import Remembered
from tests.projections.story import KnownSchemas

Tables: TypeAlias = dict[str, list[dict[str, Any]]]

PLACE: Partition = (TOPIC, 0)
CODE = "0123"
MORE: list[LogEvent] = [*EVENTFUL, a_fill(LATER, 3, 50)]


class Projector:
    """An engine with folds that are kept, as a process has them: nothing survives it."""

    def __init__(self, dsn: str) -> None:
        self.said: list[str] = []
        self.past = Remembered(told(MORE))
        self._session = Session(dsn)
        keeping = Keeping(code=CODE, say=self.said.append, kept_by=uuid4())
        kept = KeptFolds(ACCOUNTS, self._session, keeping)
        self._engine = an_engine(self._session, self.past, Failures(), kept)
        self._engine.begin(PLACE, 0)

    def apply(self, some: Sequence[Record]) -> None:
        self._engine.apply(some, after(some))

    def resume(self) -> None:
        self._engine.resume()

    def leave(self) -> None:
        self._engine.leave([PLACE])

    def begin(self) -> None:
        self._engine.begin(PLACE, 0)

    def close(self) -> None:
        self._session.close()


@pytest.fixture(autouse=True)
def kept_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.folding.KEPT_EVERY_MIN", 1)


@pytest.fixture
def before(database: str) -> str:
    """A database whose projector has ended behind the first five events."""
    first = Projector(database)
    first.apply(told(MORE)[:5])
    first.close()
    return database


def kept(dsn: str) -> list[int]:
    return [int(row["next_offset"]) for row in rows(dsn, "projection_folds")]


@pytest.fixture(scope="module")
def quiet(make_database: Callable[..., str], migrated_template: str) -> Tables:
    """What the tables hold once all was applied in one go."""
    return applied(make_database(migrated_template), MORE)


def test_a_projector_that_starts_goes_on_from_what_was_kept_and_reads_nothing_twice(
    before: str, quiet: Tables
) -> None:
    second = Projector(before)

    second.apply(told(MORE)[5:])

    assert second.past.read_offsets == []
    assert tables(before) == quiet
    assert kept(before) == [len(MORE)]
    second.close()


def test_what_was_applied_since_it_was_kept_is_read_from_the_log(
    before: str,
    quiet: Tables,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("projections.folding.KEPT_EVERY_MIN", 100)
        second = Projector(before)
        second.apply(told(MORE)[5:8])
        second.close()
    third = Projector(before)

    third.apply(told(MORE)[8:])

    assert third.past.read_offsets == [5, 6, 7]
    assert tables(before) == quiet
    third.close()


ODD = {
    "other code": "UPDATE projection_folds SET folded_by = 'ffff'",
    "damaged": "UPDATE projection_folds SET folded = replace(folded, '99', '98')",
    "no JSON": "UPDATE projection_folds SET folded = '{', checksum = encode(sha256('{'), 'hex')",
    "of another form": (
        "UPDATE projection_folds SET folded = '{}', checksum = encode(sha256('{}'), 'hex')"
    ),
    "further than the tables": "UPDATE projection_folds SET next_offset = 6",
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
def test_what_is_odd_about_a_kept_fold_costs_a_whole_fold_and_nothing_else(
    before: str, quiet: Tables, change: str
) -> None:
    run(before, change)
    second = Projector(before)

    second.apply(told(MORE)[5:])

    assert second.past.read_offsets == [0, 1, 2, 3, 4]
    [told_of] = second.said
    assert told_of.startswith(f"what was kept of {TOPIC} in projection 'accounts' is not used")
    assert tables(before) == quiet
    assert kept(before) == [len(MORE)]
    second.close()


def test_a_projector_whose_partition_another_took_up_keeps_nothing_any_more(before: str) -> None:
    first, second = Projector(before), Projector(before)

    first.apply(told(MORE)[5:7])

    assert kept(before) == [5]
    second.close()
    first.close()


def test_a_partition_that_comes_back_is_kept_again(before: str, quiet: Tables) -> None:
    first = Projector(before)
    first.apply(told(MORE)[5:7])
    first.leave()
    second = Projector(before)
    second.apply(told(MORE)[7:9])
    second.close()

    first.begin()
    first.apply(told(MORE)[9:])

    assert first.past.read_offsets == []
    assert kept(before) == [len(MORE)]
    assert tables(before) == quiet
    first.close()


def test_after_a_rebuild_nothing_is_kept_of_what_was_folded_before_it(
    before: str, quiet: Tables
) -> None:
    running = Projector(before)
    shadow = Shadow(before, ACCOUNTS)
    shadow.create()
    with shadow.comparing():
        pass
    with shadow.swapping() as swap:
        swap.contents({})
    shadow.close()

    running.apply(told(MORE)[5:])
    running.close()

    assert kept(before) == []
    # and whoever starts next folds what the rebuild went by: the log
    run(before, "UPDATE projection_checkpoints SET next_offset = 5")
    next_one = Projector(before)
    next_one.apply(told(MORE)[5:])
    assert next_one.past.read_offsets == [0, 1, 2, 3, 4]
    assert kept(before) == [len(MORE)]
    assert tables(before) == quiet
    next_one.close()


def test_what_cannot_be_kept_is_told_and_holds_up_no_row(before: str, quiet: Tables) -> None:
    second = Projector(before)
    run(before, "ALTER TABLE projection_folds ADD CONSTRAINT full_up CHECK (next_offset < 6)")

    second.apply(told(MORE)[5:])

    [told_of] = second.said
    assert "is not kept, a start has to fold more of it" in told_of
    assert "full_up" in told_of
    assert tables(before) == quiet
    second.close()


def test_after_a_crash_that_lost_what_nobody_remembers_the_kept_fold_is_gone_on_with(
    before: str,
    quiet: Tables,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given: a fold that is further than what is kept, and remembers nothing of before
    monkeypatch.setattr("projections.folding.REMEMBERED", 0)
    monkeypatch.setattr("projections.folding.KEPT_EVERY_MIN", 3)
    second = Projector(before)
    for some in (told(MORE)[5:6], told(MORE)[6:7]):
        second.apply(some)
    assert kept(before) == [5]

    # when: PostgreSQL stands where a crash has left it
    run(before, "UPDATE projection_checkpoints SET next_offset = 6")
    second.resume()
    second.apply(told(MORE)[6:])

    # then
    assert second.past.read_offsets == [5]
    assert tables(before) == quiet
    assert kept(before) == [len(MORE)]
    second.close()


def test_whoever_only_looks_goes_on_from_what_was_kept_and_takes_nothing_over(before: str) -> None:
    owner = Projector(before)
    session = Session(before)
    past = Remembered(told(MORE))
    looking = Keeping(code=CODE, say=pytest.fail)
    folds = Folds(ACCOUNTS, past, KeptFolds(ACCOUNTS, session, looking))

    folds.catch_up({PLACE: 7})

    assert past.read_offsets == [5, 6]
    assert kept(before) == [5]
    owner.apply(told(MORE)[5:])
    assert kept(before) == [len(MORE)]
    session.close()
    owner.close()


def test_it_is_kept_less_often_the_longer_the_log_is(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.folding.KEPT_EVERY_MIN", 2)
    monkeypatch.setattr("projections.folding.KEPT_EVERY_SHARE", 4)
    session, found = Session(database), list[int]()
    keeping = Keeping(code=CODE, say=pytest.fail, kept_by=uuid4())
    folds = Folds(ACCOUNTS, Remembered(told(MORE)), KeptFolds(ACCOUNTS, session, keeping))
    folds.begin(PLACE, 0)

    for end in range(1, 41):
        some = told(MORE)[end - 1 : end]
        _, ahead = folds.told(some, known={PLACE: end - 1}, to={PLACE: end})
        folds.keep(ahead)
        found += [at for at in kept(database) if at not in (0, *found)]

    assert found == [2, 4, 6, 8, 10, 13, 17, 22, 29, 38]
    session.close()


@given(events=st.lists(st.sampled_from([*MORE, *(a_decline(n) for n in range(20, 60))])))
def test_books_are_the_same_again_after_they_were_text(events: list[LogEvent]) -> None:
    codec = Codec(KnownSchemas()).with_gates_as_text()
    books: Books | None = None
    for record in told([EVENTFUL[0], *events]):
        assert record.value is not None
        books = step(books, codec.decode(record.value), record.origin)

    assert books is not None
    assert load(dump(books)) == books
    assert dump(load(dump(books))) == dump(books)
