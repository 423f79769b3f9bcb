"""A snapshot saves time and nothing else: whatever becomes of it, the log says what is true."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from confluent_kafka import Producer
from structlog.testing import capture_logs

from accounts.evolve import fold
from accounts.snapshot import load
from accounts.state import AccountState, Trading
from bench.story import history
from consumers.as_of import account_as_of
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.snapshot_writer import SnapshotWriter
from consumers.settings_account import TuningSettings
from consumers.snapshots import snapshot_of
from consumers.topics_admin import apply_topics
from events.catalog import LogEvent
from events.identifiers import AccountName
from events.snapshot import AccountSnapshot
from events.topics import RECORD_BYTES_MAX, SNAPSHOTS, log_of
from tests.builders import a_recommendation
from tests.cli.running import Command
from tests.dispatcher.held_dispatcher import Hold
from tests.dispatcher.world import World, ends, fresh_advice

EAGER: Final = """session_timeout_ms = 1500
submit_window_ms = 1000
snapshot_every_events = 1
snapshot_pause_ms = 0"""
INVENTED: Final = 99
"""How many incidents a snapshot claims that its log does not have: whoever says so has used it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A world with one account, whose log has `events` before offset `end`."""

    world: World
    account: AccountName
    events: list[LogEvent]
    end: int

    def planted(self, **changes: object) -> bytes:
        """Return a snapshot of the account's, valid but for `changes`, that claims `INVENTED`."""
        state = replace(fold(self.events), incidents=INVENTED)
        plain = snapshot_of(state, self.end)
        assert plain is not None
        return self.world.codec.encode(replace(plain, **changes))  # type: ignore[arg-type] # any field

    def append(self, *records: tuple[str, bytes]) -> None:
        """Append records, each with its key, to the topic of snapshots."""
        producer = Producer({"bootstrap.servers": self.world.cluster.bootstrap_servers})
        for key, value in records:
            producer.produce(self.world.cluster.topic(SNAPSHOTS.name), value, key.encode())
        assert producer.flush(30) == 0

    def read(self) -> tuple[AccountState, list[str]]:
        """Fold the account as its readers do; return the state and why a snapshot was ignored."""
        log = AccountLog(self.world.cluster, self.account, self.world.codec)
        try:
            with capture_logs() as lines:
                state = log.read_to_end()
        finally:
            log.close()
        warnings = [line for line in lines if line["log_level"] == "warning"]
        assert all(line["event"] == "snapshot_ignored" for line in warnings)
        return state, [str(line["reason"]) for line in warnings]


@pytest.fixture
def ground(world: World) -> Ground:
    account = world.open_account()
    events = list(history(account, 17))
    world.append(log_of(account).name, *map(world.codec.encode, events))
    return Ground(world, account, events, len(events))


def test_a_stop_in_good_order_leaves_a_snapshot_that_the_next_run_goes_on_from(
    world: World,
) -> None:
    # given
    account = world.open_account()
    world.publish(*(fresh_advice(number, ticker=f"T{number}") for number in range(1, 7)))
    world.catch_up(account)
    told = world.log_with_offsets(account)
    [snapshot] = _snapshots(world)
    assert snapshot.log_offset == told[-1][0] + 2  # behind the marker of the last transaction
    assert load(snapshot.state) == fold(event for _, event in told)

    # when: the next run decides more and is killed, so that the log goes on after the snapshot
    world.publish(*(fresh_advice(number, ticker=f"T{number}") for number in range(7, 10)))
    running = world.start(account)
    world.await_ends(account, *range(1, 10))
    running.kill()

    # then: it went on from the snapshot; snapshot and tail are the whole log, decided once
    assert '"snapshot_used"' in running.said()
    ground = Ground(world, account, world.log(account), snapshot.log_offset)
    state, ignored = ground.read()
    assert ignored == []
    assert len(_snapshots(world)) == 1
    assert state == world.state(account)
    assert ends(world.log(account)) == dict.fromkeys(range(1, 10), 1)


def test_a_snapshot_that_fits_is_believed(ground: Ground) -> None:
    ground.append((ground.account, ground.planted()))

    state, ignored = ground.read()

    assert (state.incidents, ignored) == (INVENTED, [])


def test_as_of_a_point_begins_with_a_snapshot_that_is_not_behind_it_and_with_no_other(
    ground: Ground,
) -> None:
    ground.append((ground.account, ground.planted()))
    last = ground.events[-1].envelope.occurred_at

    def incidents(point: int | datetime) -> int:
        found = account_as_of(ground.world.cluster, ground.account, ground.world.codec, point)
        assert found is not None
        return found.state.incidents

    assert incidents(ground.end) == INVENTED
    assert incidents(ground.end - 1) == fold(ground.events[:-1]).incidents
    # A time may lie before it as well as behind it: only what follows the snapshot could tell.
    assert incidents(last) == fold(ground.events).incidents


def _damaged(ground: Ground) -> bytes:
    return ground.planted(checksum="0" * 64)


def _of_other_code(ground: Ground) -> bytes:
    return ground.planted(evolve_code="fedcba9876543210")


def _past_the_end(ground: Ground) -> bytes:
    return ground.planted(log_offset=ground.end + 1)


def _of_nothing(ground: Ground) -> bytes:
    return ground.planted(log_offset=0)


def _of_another_account(ground: Ground) -> bytes:
    return ground.planted(account_name="somebody-else")


def _of_another_opening(ground: Ground) -> bytes:
    return ground.planted(opened_event_id=UUID(int=7))


def _of_a_log_made_anew(ground: Ground) -> bytes:
    # The opening of an account has the same id in every log of that name: only all of it tells.
    state = fold(ground.events)
    assert state.opened is not None
    envelope = state.opened.envelope
    earlier = replace(envelope, occurred_at=envelope.occurred_at - timedelta(days=1))
    other = replace(state, incidents=INVENTED, opened=replace(state.opened, envelope=earlier))
    snapshot = snapshot_of(other, ground.end)
    assert snapshot is not None
    return ground.world.codec.encode(snapshot)


def _unreadable(ground: Ground) -> bytes:
    text = '{"positions":'
    return ground.planted(state=text, checksum=hashlib.sha256(text.encode()).hexdigest())


def _no_bytes_of_ours(_ground: Ground) -> bytes:
    return b"\x7fnot ours"


def _another_event(ground: Ground) -> bytes:
    return ground.world.codec.encode(a_recommendation())


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (_damaged, "checksum"),
        (_of_other_code, "other code"),
        (_past_the_end, "made anew"),
        (_of_nothing, "offset 0"),
        (_of_another_account, "somebody-else"),
        (_of_another_opening, "another AccountOpened"),
        (_of_a_log_made_anew, "another AccountOpened"),
        (_unreadable, "cannot be read"),
        (_no_bytes_of_ours, "cannot be decoded"),
        (_another_event, "cannot be decoded"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_ignored_with_a_warning(
    ground: Ground, made: Callable[[Ground], bytes], reason: str
) -> None:
    ground.append((ground.account, made(ground)))

    state, ignored = ground.read()

    assert state == fold(ground.events)
    assert len(ignored) == 1
    assert reason in ignored[0]


def test_a_command_says_that_it_ignores_a_snapshot_and_shows_the_account_all_the_same(
    ground: Ground,
) -> None:
    command = Command(ground.world.directory)
    before = command("accounts", "show", ground.account, "--json")
    ground.append((ground.account, _of_other_code(ground)))

    shown = command("accounts", "show", ground.account, "--json")

    assert (before.code, before.err, shown.code) == (0, "", 0)
    assert shown.data == before.data
    assert "other code" in shown.sentence


def test_whoever_folds_the_whole_log_is_told_how_far_it_is(ground: Ground) -> None:
    ground.append((ground.account, _of_other_code(ground)))
    told = list[tuple[int, int]]()
    log = AccountLog(
        ground.world.cluster,
        ground.account,
        ground.world.codec,
        on_progress=lambda at, end: told.append((at, end)),
    )

    log.read_to_end()
    log.close()

    assert told[-1] == (ground.end, ground.end)
    assert told == sorted(told)


def test_others_snapshots_are_passed_over_undecoded(ground: Ground) -> None:
    noise = [("somebody-else", b"\x7fnot ours")] * 200
    ground.append(*noise, (ground.account, ground.planted()), *noise)

    state, ignored = ground.read()

    assert (state.incidents, ignored) == (INVENTED, [])


def test_without_the_topic_and_its_contents_the_account_is_the_same(ground: Ground) -> None:
    # given: a snapshot, and then not even its topic
    ground.append((ground.account, ground.planted()))
    topic = ground.world.cluster.topic(SNAPSHOTS.name)
    for deleted in ground.world.admin.delete_topics([topic]).values():
        deleted.result(30)

    without = ground.read()
    apply_topics(ground.world.cluster, [], replication_factor=1)

    assert without == ground.read() == (fold(ground.events), [])


def test_no_snapshot_holds_what_was_not_committed(world: World) -> None:
    # given: a dispatcher that writes a snapshot whenever it can, killed with a decision in hand
    account = world.open_account(tuning=EAGER)
    world.publish(fresh_advice(1))
    undisturbed = world.start(account)
    world.await_ends(account, 1)
    undisturbed.kill()
    for hold, number in (
        (Hold.BETWEEN_INTENT_AND_SUBMIT, 2),
        (Hold.BEFORE_THE_DECISION_COMMITS, 3),
    ):
        running = world.start(account, hold)
        world.publish(fresh_advice(number, ticker=f"T{number}"))
        running.await_hold()
        running.kill()
    world.catch_up(account)

    # then: each snapshot is exactly the committed events before its offset
    told = world.log_with_offsets(account)
    snapshots = _snapshots(world)
    assert len(snapshots) > 1
    for snapshot in snapshots:
        committed = fold(event for offset, event in told if offset < snapshot.log_offset)
        assert load(snapshot.state) == committed
    assert ends(event for _, event in told) == dict.fromkeys(range(1, 4), 1)


def test_a_state_too_large_for_a_record_costs_a_warning_and_nothing_else(ground: Ground) -> None:
    # given
    writer = SnapshotWriter(
        ground.world.cluster, ground.account, ground.world.codec, TuningSettings()
    )
    log = AccountLog(ground.world.cluster, ground.account, ground.world.codec)
    state = replace(log.read_to_end(), trading=Trading(reason="x" * RECORD_BYTES_MAX))
    log.wrote(state, {log.topic: log.next_offset})

    # when
    with capture_logs() as lines:
        writer.finish(log)
    log.close()

    # then
    [line] = [line for line in lines if line["event"].startswith("snapshot_")]
    assert line["event"] == "snapshot_not_written"
    assert _snapshots(ground.world) == []


def _snapshots(world: World) -> list[AccountSnapshot]:
    found = [world.codec.decode(value) for _, value in world.records(SNAPSHOTS.name)]
    return [event for event in found if isinstance(event, AccountSnapshot)]
