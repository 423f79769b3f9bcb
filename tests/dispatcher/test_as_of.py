"""An account as it was: exactly to an offset, or to a time."""

import random
from datetime import date, timedelta
from json import dumps
from threading import Event

import pytest

from accounts.evolve import fold
from accounts.state import AccountState
from consumers.account_states import folded_to_end
from consumers.as_of import account_as_of
from consumers.clock import SystemClock
from consumers.dispatcher.process import run_dispatcher
from consumers.errors import NotFoundError
from consumers.executions_as_of import executions_as_of
from consumers.publish import parse_lines
from consumers.settings import load_settings
from events.decision import RecommendationDeclined
from events.identifiers import AccountName, account_name
from events.order import OrderFilled, OrderIntended
from examples.signal_engine.engine import recommendations
from tests.dispatcher.world import World


@pytest.fixture
def past(world: World) -> AccountName:
    """An account with a month behind it."""
    account = world.open_account(clock="historical")
    month = recommendations(date(2020, 1, 2), date(2020, 1, 31))
    world.publish(*parse_lines(dumps(line) for line in month))
    run_dispatcher(load_settings(world.config, {}), account, until_caught_up=True, stop=Event())
    return account


def _as_of(world: World, account: AccountName, point: object) -> AccountState:
    assert isinstance(point, int | date)
    found = account_as_of(world.cluster, account, world.codec, point)  # type: ignore[arg-type] # a datetime is a date
    assert found is not None
    return found.state


def test_as_of_an_offset_is_every_event_before_it_and_no_other(
    world: World, past: AccountName
) -> None:
    log = world.log_with_offsets(past)
    end = log[-1][0] + 2  # the last transaction's mark
    some = random.Random(1).sample(range(end), 12)  # noqa: S311 -- which offsets is no secret

    for offset in [0, 1, *some, end]:
        before = [event for at, event in log if at < offset]
        assert _as_of(world, past, offset) == fold(before)

    folded = folded_to_end(load_settings(world.config, {}), past, world.codec)
    assert folded is not None
    assert folded.log_offset == end
    assert folded.state == _as_of(world, past, end)


def test_as_of_what_a_decision_had_seen_is_the_state_just_before_it(
    world: World, past: AccountName
) -> None:
    log = world.log_with_offsets(past)
    decisions = [one for one in log if isinstance(one[1], OrderIntended | RecommendationDeclined)]

    for offset, event in decisions[-3:]:
        assert isinstance(event, OrderIntended | RecommendationDeclined)
        assert _as_of(world, past, event.seen.log) == fold(one for at, one in log if at < offset)


def test_as_of_a_time_is_all_that_had_occurred_by_then(world: World, past: AccountName) -> None:
    log = world.log(past)
    about = [event for event in log if event.envelope.recommendation_id is not None]
    middle = about[len(about) // 2].envelope.occurred_at
    last = max(at for at, event in enumerate(log) if event.envelope.occurred_at <= middle)

    assert _as_of(world, past, middle) == fold(log[: last + 1])
    assert _as_of(world, past, middle - timedelta(microseconds=1)) != fold(log[: last + 1])
    # It was opened by the wall clock, years after what it decided, and is open all the same.
    assert _as_of(world, past, middle).opened is not None


def test_executions_as_of_an_offset_are_what_its_fills_before_it_come_to(
    world: World, past: AccountName
) -> None:
    log = world.log_with_offsets(past)
    end = log[-1][0] + 2
    fills = [at for at, event in log if isinstance(event, OrderFilled)]
    assert fills

    for offset in [0, *(at + more for at in fills[:3] for more in (0, 1)), end]:
        bought = {
            event.envelope.recommendation_id: event.cumulative_quantity
            for at, event in log
            if at < offset and isinstance(event, OrderFilled)
        }
        found = executions_as_of(world.cluster, past, world.codec, offset)
        assert found is not None
        assert {row["recommendation_id"]: row["qty"] for row in found.rows} == bought
        assert all(row["log_offset"] < offset for row in found.rows)


def test_executions_as_of_a_time_are_those_of_the_account_as_of_it(
    world: World, past: AccountName
) -> None:
    log = world.log_with_offsets(past)
    about = [event for _, event in log if event.envelope.recommendation_id is not None]

    for moment in (about[len(about) // 2].envelope.occurred_at, SystemClock().now()):
        account = account_as_of(world.cluster, past, world.codec, moment)
        found = executions_as_of(world.cluster, past, world.codec, moment)
        assert account is not None
        assert found is not None
        assert found.log_offset == account.log_offset
        assert len(found.rows) == account.state.ends.executed


def test_before_its_first_event_an_account_was_not_open(world: World, past: AccountName) -> None:
    first = min(event.envelope.occurred_at for event in world.log(past))

    assert _as_of(world, past, first - timedelta(days=1)) == AccountState()
    assert _as_of(world, past, 0) == AccountState()


def test_an_offset_that_the_log_does_not_reach_yet_is_not_found(
    world: World, past: AccountName
) -> None:
    end = world.log_with_offsets(past)[-1][0] + 2

    with pytest.raises(NotFoundError, match=f"ends at offset {end}"):
        account_as_of(world.cluster, past, world.codec, end + 1)


def test_an_account_without_a_log_is_none(world: World) -> None:
    nobody = account_name("nobody")
    assert account_as_of(world.cluster, nobody, world.codec, 0) is None
    assert executions_as_of(world.cluster, nobody, world.codec, 0) is None
    with pytest.raises(NotFoundError, match="nobody has no log yet"):
        account_as_of(world.cluster, nobody, world.codec, 1)
