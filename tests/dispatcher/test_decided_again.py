"""Every decision of a log, taken again from exactly what it had seen."""

from collections.abc import Sequence
from datetime import date
from json import dumps
from threading import Event
from typing import Final
from unittest.mock import patch

import pytest
from confluent_kafka import Consumer, TopicPartition

from accounts.again import decided_again
from accounts.evolve import evolve
from accounts.state import AccountState
from consumers.dispatcher import seating
from consumers.dispatcher.process import run_dispatcher
from consumers.dispatcher.seat import Record, Seat, TransactionAborted
from consumers.publish import parse_lines
from consumers.settings import load_settings
from consumers.settings_limits import limits_from_json
from events.decision import RecommendationDeclined
from events.identifiers import AccountName
from events.order import OrderIntended
from events.recommendation import Action, RecommendationIssued
from events.topics import RECOMMENDATIONS
from examples.signal_engine.engine import recommendations
from tests.dispatcher.world import World, fresh_advice

HALVES: Final = (
    (date(2020, 1, 2), date(2020, 2, 29)),
    (date(2020, 3, 1), date(2020, 4, 30)),
)


class BreakingSeat(Seat):
    """A seat whose every seventh transaction breaks off when its records are in Kafka already."""

    appended = 0

    def append(
        self,
        records: Sequence[Record],
        *,
        offsets: TopicPartition | None = None,
        consumer: Consumer | None = None,
    ) -> dict[str, int]:
        BreakingSeat.appended += 1
        if BreakingSeat.appended % 7:
            return super().append(records, offsets=offsets, consumer=consumer)
        self._producer.begin_transaction()
        for record in records:
            self._produce(record, lambda *_: None)
        assert self._producer.flush(30) == 0
        self._abort()
        raise TransactionAborted("broken off by the test")


@pytest.fixture(params=[Seat, BreakingSeat], ids=["undisturbed", "with-broken-transactions"])
def lived(request: pytest.FixtureRequest, world: World) -> tuple[World, AccountName]:
    """An account that four months went by, in two runs under different limits."""
    account = world.open_account(clock="historical")
    limit = f"DISPATCHER__ACCOUNTS__{account}__LIMITS__MAX_OPEN_POSITIONS"
    for allowed, (start, end) in zip(("5", "4"), HALVES, strict=True):
        world.publish(*parse_lines(dumps(line) for line in recommendations(start, end)))
        settings = load_settings(world.config, {limit: allowed})
        with patch.object(seating, "Seat", request.param):
            run_dispatcher(settings, account, until_caught_up=True, stop=Event())
    return world, account


def test_each_decision_comes_out_the_same_to_the_byte_from_exactly_what_it_had_seen(
    lived: tuple[World, AccountName],
) -> None:
    assert _decided_again(*lived) > 150


@pytest.mark.parametrize("seat", [Seat, BreakingSeat])
def test_so_does_each_that_was_taken_while_orders_were_on_their_way(
    world: World, seat: type[Seat]
) -> None:
    small = "session_timeout_ms = 1500\nsubmit_window_ms = 1000\nmax_batch = 3"
    account = world.open_account(tuning=small, more="simulation = { partial_fills = true }")
    tickers = "ABCDEFG"
    world.publish(
        *(
            fresh_advice(
                number,
                ticker=tickers[number % 7],
                action=Action.BUY if number % 4 else Action.SELL,
            )
            for number in range(1, 61)
        )
    )

    with patch.object(seating, "Seat", seat):
        run_dispatcher(load_settings(world.config, {}), account, until_caught_up=True, stop=Event())

    assert _decided_again(world, account) == 60


def _decided_again(world: World, account: AccountName) -> int:
    """Take every decision of the log again; return how many there were."""
    advice = {
        offset: world.codec.decode(value) for offset, value in world.records(RECOMMENDATIONS.name)
    }
    state, decided = AccountState(), 0
    for offset, event in world.log_with_offsets(account):
        if isinstance(event, OrderIntended | RecommendationDeclined):
            # One writer: all that lies before a decision was seen, and nothing else was.
            assert event.seen.log == offset
            recommendation = advice[event.seen.recommendations - 1]
            assert isinstance(recommendation, RecommendationIssued)
            assert state.version is not None
            limits = limits_from_json(state.version.limits)

            found = decided_again(event, state, recommendation, limits)

            assert found is not None
            assert world.codec.encode(found) == world.codec.encode(event)
            decided += 1
        state = evolve(state, event)
    assert decided == len(advice)
    return decided
