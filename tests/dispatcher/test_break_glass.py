"""The break-glass file: it needs neither Kafka nor anybody who answers."""

from pathlib import Path

import pytest

from consumers.dispatcher.break_glass import BreakGlass
from events.account import AccountHalted, AccountResumed, CommandRefused
from events.command import CommandKind
from events.decision import RecommendationFailed
from stack import servers
from tests.dispatcher.commands import all_of, await_one, command
from tests.dispatcher.held_dispatcher import Hold
from tests.dispatcher.world import World, fresh_advice

ACCOUNTS = ("large-default", "tiny")


def reason(file: Path, account: str = "tiny") -> str | None:
    return BreakGlass(file, account, ACCOUNTS).reason()


def test_no_file_holds_nobody(tmp_path: Path) -> None:
    assert reason(tmp_path / "dispatcher.toml.halt") is None
    assert BreakGlass(None, "tiny", ACCOUNTS).reason() is None


@pytest.mark.parametrize(
    ("text", "large", "tiny"),
    [
        ("", True, True),
        ("the feed is stale\nand more", True, True),
        ("tiny", False, True),
        ("tiny, large-default\n", True, True),
        ("the feed is stale\ntiny\n", False, True),
        ("tinny", True, True),
        ("tiny, tinny", True, True),
    ],
)
def test_it_holds_the_accounts_it_names_and_everybody_where_it_names_none(
    tmp_path: Path, text: str, *, large: bool, tiny: bool
) -> None:
    file = tmp_path / "halt"
    file.write_text(text)

    assert (reason(file, "large-default") is not None) is large
    assert (reason(file, "tiny") is not None) is tiny


def test_its_first_line_that_is_no_account_is_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "halt"
    file.write_text("\ntiny\nthe feed is stale\nmaria\n")

    assert reason(file) == "the feed is stale"


def test_where_it_cannot_be_looked_for_everybody_is_held(tmp_path: Path) -> None:
    assert reason(tmp_path / "gone" / "halt") is not None
    (tmp_path / "file").touch()
    assert reason(tmp_path / "file" / "halt") is not None
    (tmp_path / "directory").mkdir()
    assert reason(tmp_path / "directory") is not None


def test_with_kafka_frozen_no_post_starts_once_the_file_is_there(
    breakable_world: World,
) -> None:
    # given: a durable intent before its POST, and a Kafka that stands still
    world = breakable_world
    directory = world.services.directory
    assert directory is not None
    account = world.open_account(tuning="")
    running = world.start(account, Hold.BETWEEN_INTENT_AND_SUBMIT)
    world.publish(fresh_advice(1))
    running.await_hold()
    servers.pause(directory, "kafka")

    # when
    glass = world.config.with_name("dispatcher.toml.halt")
    glass.write_text("the feed is stale\n")
    running.go()
    servers.resume(directory, "kafka")

    # then: nothing was sent, and once Kafka answers the log says why
    halted = await_one(world, account, AccountHalted)
    assert halted.by == f"break-glass file {glass}"
    assert halted.reason == "the feed is stale"
    failed = await_one(world, account, RecommendationFailed)
    assert "the feed is stale" in failed.error
    assert world.ledger(account) == []

    # and: it is not resumed while the file is there, nor by its being gone
    command(world, account, CommandKind.RESUME)
    refused = await_one(world, account, CommandRefused)
    assert str(glass) in refused.reason
    glass.unlink()
    world.publish(fresh_advice(2))
    world.await_ends(account, 2)
    assert world.ledger(account) == []

    # and: it is once both are given
    command(world, account, CommandKind.RESUME)
    await_one(world, account, AccountResumed)
    world.publish(fresh_advice(3, ticker="KO"))
    world.await_ends(account, 3)
    assert len(world.ledger(account)) == 1


def test_a_dispatcher_that_starts_with_the_file_there_decides_nothing_before_it_is_halted(
    world: World,
) -> None:
    account, other = world.open_account(), world.open_account()
    world.config.with_name("dispatcher.toml.halt").write_text(account)
    world.publish(fresh_advice(1))

    world.catch_up(account, other)

    assert len(all_of(world.log(account), AccountHalted)) == 1
    assert world.ledger(account) == []
    assert all_of(world.log(other), AccountHalted) == []
    assert len(world.ledger(other)) == 1
