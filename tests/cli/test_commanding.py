"""Halting by hand: what is typed, what is said, how it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.who import who
from tests.cli.advice import line, lines
from tests.cli.running import ROOT, TIMEOUT_S, Command

REASON = ("--reason", "the feed is stale")


@pytest.fixture
def ready(dispatcher: Command) -> Command:
    """Topics of both accounts; nobody runs."""
    assert dispatcher("topics", "apply").code == 0
    return dispatcher


@contextmanager
def running(dispatcher: Command, *accounts: str) -> Iterator[None]:
    """Run dispatchers of `accounts`."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "cli.main", "accounts", "run", account],
            cwd=dispatcher.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
        )
        for account in accounts
    ]
    try:
        for process in processes:
            assert process.stderr is not None
            assert any(b"seat_taken" in said for said in process.stderr), "it never took its seat"
        yield
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=TIMEOUT_S)


def test_a_halt_tells_what_it_was_what_it_is_what_remains_and_what_to_type_next(
    ready: Command,
) -> None:
    # given: an account with a holding
    ready("recommendations", "publish", "-", stdin=lines(line(1)))
    assert ready("accounts", "run", "large-default", "--until-caught-up").code == 0

    with running(ready, "large-default"):
        # when
        answer = ready("accounts", "halt", "large-default", *REASON)

        # then
        assert answer.code == 0, answer.err
        assert "large-default is halted (it was active)" in answer.out
        assert "MSFT" in answer.out
        assert 'dispatcher accounts resume large-default --reason "…"' in answer.out
        assert max(map(len, answer.out.splitlines())) <= 80

        # and: once more it reassures
        again = ready("accounts", "halt", "large-default", *REASON)
        assert again.code == 0
        said = " ".join(again.out.split())
        assert "is already halted" in said
        assert f"by {who()}: the feed is stale" in said

        # and: a reduction would make it freer, which it is refused
        reduced = ready("accounts", "reduce", "large-default", *REASON)
        assert reduced.code == 9
        assert "stricter" in reduced.err

        # and: everybody who looks is told
        listed = " ".join(ready("accounts", "list").out.split())
        assert "the feed is stale. To trade again: dispatcher accounts resume" in listed
        shown = ready("accounts", "show", "large-default").out
        assert "To end it: dispatcher accounts resume" in shown

        # and: it is resumed
        resumed = ready("accounts", "resume", "large-default", *REASON, "--by", "maria", "--json")
        assert resumed.code == 0
        assert resumed.data["answer"] == "AccountResumed"
        assert resumed.data["before"]["status"] == "HALTED"
        assert resumed.data["after"]["by"] == "maria"

        # and: the offset it says to wait for is the one behind it
        offset = resumed.data["next_offset"]
        as_of = ready("accounts", "show", "large-default", "--as-of", str(offset), "--json")
        assert as_of.data["log"]["trading"]["by"] == "maria"
        just_before = ready("accounts", "show", "large-default", "--as-of", str(offset - 1))
        assert "halted" in just_before.out


def test_a_halt_that_nobody_answers_says_that_it_is_kept(ready: Command) -> None:
    answer = ready("accounts", "halt", "tiny", *REASON, "--json")

    assert answer.code == 7
    assert answer.data["answer"] is None
    assert "no dispatcher of it is running" in answer.err
    assert "before its first decision" in answer.err

    # and: so it is
    assert ready("accounts", "run", "tiny", "--until-caught-up").code == 0
    [_, tiny] = ready("accounts", "list", "--json").data
    assert tiny["log"]["trading"]["status"] == "HALTED"


def test_all_accounts_are_halted_by_one_command(ready: Command) -> None:
    with running(ready, "large-default"):
        answer = ready("accounts", "cancel-open", "--all", *REASON)

    # one is, of the other nobody knows
    assert answer.code == 7
    assert "large-default is halted, cancelling what is open" in " ".join(answer.out.split())
    assert "tiny: not answered" in answer.out
    assert answer.sentence.startswith("tiny: no dispatcher")


@pytest.mark.parametrize("wait", ["--wait", "--no-wait"])
def test_an_account_that_was_never_set_up_keeps_no_other_from_its_halt(
    ready: Command, wait: str
) -> None:
    # given: a third account, of which Kafka knows nothing yet
    file = ready.directory / "dispatcher.toml"
    said = file.read_text(encoding="utf-8")
    more = said[said.index("[accounts.tiny]") :].replace("accounts.tiny", "accounts.later")
    file.write_text(f"{said}\n{more}", encoding="utf-8")

    # when
    answer = ready("accounts", "halt", "--all", *REASON, wait)

    # then
    assert answer.code == 3
    assert answer.sentence.startswith("later: the topic of commands does not exist")
    file.write_text(said, encoding="utf-8")
    assert ready("accounts", "run", "tiny", "--until-caught-up").code == 0
    [_, tiny] = ready("accounts", "list", "--json").data
    assert tiny["log"]["trading"]["status"] == "HALTED"


def test_whoever_does_not_wait_is_told_that_it_is_kept(ready: Command) -> None:
    answer = ready("accounts", "halt", "--all", *REASON, "--no-wait")

    assert answer.code == 0
    assert answer.out.count("the command is in Kafka for good") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("accounts", "halt", "tiny"),
        ("accounts", "halt", "tiny", "--reason", " "),
        ("accounts", "halt", *REASON),
        ("accounts", "halt", "tiny", "--all", *REASON),
        ("accounts", "halt", "tiny", *REASON, "--expires-in", "soon"),
    ],
    ids=["no reason", "an empty reason", "nobody", "one and all", "no duration"],
)
def test_a_halt_that_says_too_little_is_not_sent(lonely: Command, arguments: list[str]) -> None:
    assert lonely(*arguments).code == 2


def test_without_kafka_the_break_glass_file_is_named(lonely: Command) -> None:
    answer = lonely("accounts", "halt", "tiny", *REASON)

    assert answer.code == 7
    assert str(lonely.directory / "dispatcher.toml.halt") in answer.sentence
    assert "every dispatcher that reads this configuration" in answer.sentence


def test_an_account_that_is_not_configured_is_not_found(lonely: Command) -> None:
    assert lonely("accounts", "halt", "huge", *REASON).code == 5


def test_the_doctor_tells_a_halt_and_what_ends_it(ready: Command) -> None:
    # given
    ready("accounts", "halt", "tiny", *REASON, "--no-wait")
    assert ready("accounts", "run", "tiny", "--until-caught-up").code == 0
    (ready.directory / "dispatcher.toml.halt").write_text("large-default\n")

    # when
    answer = ready("doctor", "--json")

    # then: neither is a fault
    found = {one["check"]: one for one in answer.data["findings"]}
    assert found["trading tiny"]["verdict"] == "warn"
    assert "the feed is stale" in found["trading tiny"]["says"]
    assert "accounts resume tiny" in found["trading tiny"]["cure"]
    assert "dispatcher.toml.halt" in found["trading large-default"]["cure"]
