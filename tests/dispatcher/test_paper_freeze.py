"""Frozen between commit and POST, thawed after its successor sat down: a process sends nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher.paper import (
    PATIENCE_S,
    Desk,
    a_desk,
    advice,
    every_order_was_announced,
    until,
)
from tests.dispatcher.storm.lives import Death, Lives, Window
from tests.dispatcher.world import World, ends, intents


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        yield desk


@pytest.mark.parametrize("window", [Window.BETWEEN_COMMIT_AND_POST, Window.CONNECTED_FOR_A_POST])
def test_a_process_frozen_between_commit_and_post_sends_nothing_once_its_successor_sits(
    desk: Desk, window: Window
) -> None:
    # given: a dispatcher that has committed an intent, frozen before its POST
    account = desk.open_account()
    frozen_log, log = (desk.world.directory / name for name in ("frozen.log", "successor.log"))
    with closing(Lives(desk.world, desk.environ)) as lives:
        there = Death(window=window, by=signal.SIGSTOP)
        frozen = lives.start(account, there, frozen_log)
        desk.publish(advice(1))
        desk.world.await_log(account, lambda events: bool(intents(events)))
        assert desk.alpaca.posts() == []

        # when: a successor sits down and sends it, and then the frozen one thaws
        successor = lives.start(account, None, log)
        desk.world.await_ends(account, 1)
        sent = desk.alpaca.posts()
        assert frozen.pid is not None
        os.kill(frozen.pid, signal.SIGCONT)
        until(lambda: not frozen.is_alive() or "seat_lost" in frozen_log.read_text())
        frozen.terminate()
        frozen.join(PATIENCE_S)
        desk.publish(advice(2, ticker="AAPL"))
        events = desk.world.await_ends(account, 1, 2)
        successor.terminate()
        successor.join(PATIENCE_S)

    # then: on the wire there is the successor's POST of each, and no other
    assert frozen.exitcode in (0, 8, -signal.SIGTERM)
    assert ends(events) == {1: 1, 2: 1}
    assert [post["client_order_id"] for post in sent] == [f"{account}-1-entry"]
    assert [post["client_order_id"] for post in desk.alpaca.posts()] == [
        f"{account}-1-entry",
        f"{account}-2-entry",
    ]
    every_order_was_announced(desk, account, events)
