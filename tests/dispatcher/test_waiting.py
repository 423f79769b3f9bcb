"""What advice waits for, told beside the offset: not for a moment, not for longer than it is so."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from cli.account_view import backlog_in_words
from consumers.dispatcher.waiting import ENDED_AFTER_S, TOLD_AFTER_S, Waiting
from consumers.seats import Backlog
from consumers.waiting import Wait, WaitReason, as_text, from_text
from events.identifiers import AccountName
from tests.builders import NOW


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return NOW

    def elapsed_s(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def waiting(watch: Watch) -> Waiting:
    return Waiting(AccountName("tiny"), "recommendations", "host-7", watch)


def said(waiting: Waiting) -> WaitReason | None:
    """Return what the next decision's offset says of the wait."""
    wait = from_text(waiting.beside(7).metadata)
    return None if wait is None else wait.reason


def test_a_wait_for_the_rate_budget_is_told_once_it_has_lasted(
    waiting: Waiting, watch: Watch
) -> None:
    with capture_logs() as lines:
        waiting.look(has_room=False, held=3)
        assert said(waiting) is None

        watch.seconds += TOLD_AFTER_S
        waiting.look(has_room=False, held=3)

    assert said(waiting) is WaitReason.RATE_BUDGET
    assert waiting.beside(7).offset == 7
    assert [line["event"] for line in lines] == ["waiting_for_the_rate_budget"]


def test_room_that_is_gone_in_the_same_moment_ends_no_wait(waiting: Waiting, watch: Watch) -> None:
    with capture_logs() as lines:
        for turn in range(40):
            waiting.look(has_room=turn % 4 == 3, held=3)
            watch.seconds += ENDED_AFTER_S / 2

    assert said(waiting) is WaitReason.RATE_BUDGET
    assert len(lines) == 1


@pytest.mark.parametrize(("held", "still_waits"), [(0, False), (3, True)])
def test_a_wait_is_over_when_nothing_is_held(
    waiting: Waiting, watch: Watch, held: int, *, still_waits: bool
) -> None:
    waiting.look(has_room=False, held=3)
    watch.seconds += TOLD_AFTER_S

    waiting.look(has_room=True, held=held)

    assert (said(waiting) is not None) is still_waits


def test_a_wait_is_over_where_there_has_been_room_for_a_while(
    waiting: Waiting, watch: Watch
) -> None:
    waiting.look(has_room=False, held=3)
    waiting.look(has_room=True, held=3)
    watch.seconds += ENDED_AFTER_S

    waiting.look(has_room=True, held=3)

    assert said(waiting) is None  # what is held waits for something else


def test_no_room_is_no_wait_where_nothing_is_held(waiting: Waiting, watch: Watch) -> None:
    waiting.look(has_room=False, held=0)
    watch.seconds += TOLD_AFTER_S
    waiting.look(has_room=False, held=0)

    assert said(waiting) is None


def test_what_is_said_is_read_back_as_it_was() -> None:
    wait = Wait(reason=WaitReason.RATE_BUDGET, since=NOW, by='a "host"-7')

    assert from_text(as_text(wait)) == wait


@given(
    st.text(max_size=80)
    | st.sampled_from(
        [
            "[" * 100_000,
            '{"waits_for":"RATE_BUDGET","since":"2026-01-05T14:30:00","by":"no zone"}',
            '{"waits_for":"RATE_BUDGET","since":"2026-01-05T14:30:00+00:00","by":7}',
            '{"waits_for":"RATE_BUDGET","since":7,"by":"x"}',
            '{"waits_for":"GODOT","since":"2026-01-05T14:30:00+00:00","by":"x"}',
            '{"waits_for":["RATE_BUDGET"]}',
            '["RATE_BUDGET"]',
            "null",
        ]
    )
)
def test_what_this_build_does_not_know_is_no_wait(text: str) -> None:
    assert from_text(text) is None


def test_a_reader_is_told_how_much_waits_and_for_what() -> None:
    since = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    wait = Wait(reason=WaitReason.RATE_BUDGET, since=since, by="host-7")

    assert backlog_in_words(Backlog(records=0)) == "nothing waits"
    assert backlog_in_words(Backlog(records=1)) == "1 recommendation waits"
    assert backlog_in_words(Backlog(records=1200, wait=wait)) == (
        "1,200 recommendations wait for the broker's rate budget since 2026-01-05 14:30:00"
    )
