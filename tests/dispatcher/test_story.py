"""One recommendation's story, found in logs that hold many others."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event

import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.clock import SystemClock
from consumers.dispatcher.process import run_dispatcher
from consumers.errors import NotFoundError
from consumers.settings import load_settings
from consumers.story import as_avro_long, tell
from events import roles
from events.catalog import LogEvent
from events.codec import Codec
from events.identifiers import RECOMMENDATION_ID_MAX, AccountName, RecommendationId
from events.topics import log_of
from tests.builders import a_decline, a_recommendation, an_author, an_opening
from tests.dispatcher.world import World, fresh_advice


@given(number=st.integers(min_value=1, max_value=RECOMMENDATION_ID_MAX))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_record_that_names_a_recommendation_has_the_bytes_that_are_searched(
    number: int, codec: Codec
) -> None:
    mark = as_avro_long(number)

    assert mark in codec.encode(a_recommendation(recommendation_id=number))
    assert mark in codec.encode(a_decline(number))


def test_a_story_is_found_among_others_and_is_all_of_it(world: World) -> None:
    account = world.open_account()
    world.publish(*(fresh_advice(number, ticker=f"T{number}") for number in range(1, 40)))
    world.catch_up(account)

    for number in (1, 20, 39):
        story = tell(load_settings(world.config, {}), world.codec, number)

        found = {one.offset: one.event for one in story.accounts[account]}
        assert found == {
            offset: event
            for offset, event in world.log_with_offsets(account)
            if event.envelope.recommendation_id == number
        }
        assert [one.offset for one in story.issued] == [number - 1]
        assert story.silent == {}


def test_a_decision_is_found_though_its_writers_clock_was_hours_behind(world: World) -> None:
    account = world.open_account()
    world.publish(fresh_advice(7))
    _write(world, account, an_opening(by=an_author(account)), hours_ago=3)
    _write(world, account, _declined(account, 7), hours_ago=2)
    _write(world, account, _declined(account, 8), hours_ago=0)

    story = tell(load_settings(world.config, {}), world.codec, 7)

    assert [one.offset for one in story.accounts[account]] == [1]


def _declined(account: AccountName, number: int) -> LogEvent:
    envelope = an_author(account).about_recommendation(
        RecommendationId(number), roles.DECISION, occurred_at=SystemClock().now()
    )
    return replace(a_decline(number), envelope=envelope)


def _write(world: World, account: AccountName, event: LogEvent, *, hours_ago: int) -> None:
    """Append to a log as a machine does whose clock is behind."""
    producer = Producer({"bootstrap.servers": world.cluster.bootstrap_servers})
    at = SystemClock().now() - timedelta(hours=hours_ago)
    producer.produce(
        world.cluster.topic(log_of(account).name),
        world.codec.encode(event),
        timestamp=int(at.timestamp() * 1000),
    )
    assert producer.flush(30) == 0


def test_an_account_that_is_silent_says_why(world: World) -> None:
    runs, late, never = (world.open_account() for _ in range(3))
    world.publish(fresh_advice(1))
    world.publish(fresh_advice(2, confidence=Decimal(2)))  # surer than sure
    world.catch_up(runs)
    world.publish(fresh_advice(3))
    settings = load_settings(world.config, {f"DISPATCHER__ACCOUNTS__{late}__START_FROM": "latest"})
    run_dispatcher(settings, late, until_caught_up=True, stop=Event())

    first = tell(settings, world.codec, 1).silent
    refused = tell(settings, world.codec, 2).silent
    waiting = tell(settings, world.codec, 3).silent

    assert first.keys() == {late, never}
    assert "it was opened at offset 3 of the recommendations, and this one is at 0" in first[late]
    assert first[never] == "it has never run"
    assert "dead letter" in refused[runs]
    assert waiting[runs] == "it waits, and nobody runs the account; 0 offsets are before it"


def test_a_recommendation_that_nobody_names_is_not_found(world: World) -> None:
    world.open_account()

    with pytest.raises(NotFoundError, match="recommendation 5 is in none of 2 logs"):
        tell(load_settings(world.config, {}), world.codec, 5)
