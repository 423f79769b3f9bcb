import json
from dataclasses import replace
from pathlib import Path

import pytest

from accounts.evolve import fold
from bench.__main__ import main, measure, plan_of
from bench.deciding import book
from bench.measure import Size
from bench.peers.comparing import PEERS, beside_peers
from bench.peers.environment import LOCK
from bench.rebuilding import rebuilding
from bench.rebuilding_live import rebuilding_live
from bench.results import Figure, Run, as_json, as_table, compare, dump
from bench.story import cycle_of_events, history
from events.catalog import LogEvent
from events.identifiers import AccountName
from events.order import OrderCanceled
from stack.up import StackAddresses
from tests.services import Services

MEASURED = (
    "dispatch.system",
    "dispatch.historical",
    "project.executions",
    "project.all_tables",
    "restart",
    "neighbour.backlog",
)


def test_every_measurement_says_value_unit_floor_and_ratio(services: Services) -> None:
    addresses = StackAddresses(
        services.bootstrap_servers, services.registry_url, services.postgres_dsn
    )
    tiny = {name: [Size(12, 1)] for name in plan_of(full=False)} | {
        "hand_over": [Size(1, 1)],
        "visible": [Size(2, 1)],
        "rebuild": [],
        "rebuild_live": [],
        "help": [Size(1, 1)],
        "peers": [],
    }

    figures = list(measure(addresses, tiny))

    found = json.loads(dump(as_json(figures)))
    assert {name.rsplit(".12", 1)[0] for name in found if ".12" in name} == set(MEASURED)
    assert {"one_at_a_time.median", "one_at_a_time.p99", "hand_over.median"} <= set(found)
    assert "help.wall" in found
    assert {"append_to_post.median", "append_to_post.p99"} <= set(found)
    assert {"live.two_processes.executions", "live.two_processes.log_tables"} <= set(found)
    assert {"visible.10_a_second.p50", "visible.2000_a_second.p99"} <= set(found)
    assert {"neighbour.halted.median", "neighbour.crashing.crashes"} <= set(found)
    assert {"halt.command_to_hold.idle.median", "halt.command_to_hold.busy.p99"} <= set(found)
    for name, figure in found.items():
        assert set(figure) == {"value", "unit", "floor", "ratio"}, name
        assert figure["value"] > 0, name
        assert isinstance(figure["unit"], str), name
        assert (figure["floor"] is None) == (figure["ratio"] is None), name
    assert all(f"{name}.12.peak_memory" in found for name in MEASURED[:4])


@pytest.mark.sweep
def test_a_rebuild_beside_traffic_is_gone_on_with_and_leaves_no_row_that_differs(
    services: Services,
) -> None:
    addresses = StackAddresses(
        services.bootstrap_servers, services.registry_url, services.postgres_dsn
    )

    found = {figure.name: figure.value for figure in rebuilding_live(addresses, Size(24_000, 1))}

    assert found["rebuild.24k.live.differing"] == 0
    assert found["rebuild.24k.live.emptied.differing"] == 0
    assert found["rebuild.24k.live.kept"] > 0
    assert found["rebuild.24k.live.reader.fewer"] == 0


@pytest.mark.sweep
def test_a_rebuild_with_nobody_else_there_leaves_no_row_that_differs(services: Services) -> None:
    addresses = StackAddresses(
        services.bootstrap_servers, services.registry_url, services.postgres_dsn
    )

    found = {figure.name: figure.value for figure in rebuilding(addresses, Size(4000, 1))}

    assert found["rebuild.4k.verify.differing"] == 0


@pytest.mark.sweep
def test_every_peer_fills_the_table_with_our_rows_before_its_speed_counts(
    services: Services,
) -> None:
    addresses = StackAddresses(
        services.bootstrap_servers, services.registry_url, services.postgres_dsn
    )

    figures = list(beside_peers(addresses, Size(300, 1)))

    ours, *theirs = figures
    assert [one.name.rpartition(".")[2] for one in theirs] == list(PEERS)
    assert ours.floor == max(one.value for one in theirs)


def test_no_peer_is_in_the_project_s_own_environment() -> None:
    ours = Path("requirements.lock").read_text(encoding="utf-8")

    for peer in ("faststream", "quixstreams", "eventsourcing"):
        assert f"\n{peer}==" not in ours
        assert f"\n{peer}==" in LOCK.read_text(encoding="utf-8")


def test_a_ratio_is_the_share_of_the_floor_and_medians_count() -> None:
    runs = [Run(100, seconds, 50.0) for seconds in (1.0, 2.0, 4.0)]
    floors = [Run(100, 1.0, 40.0)]

    rate, per_record, memory = compare("x", "events", runs, floors)

    assert (rate.value, rate.floor, rate.ratio) == (50.0, 100.0, 0.5)
    assert (per_record.value, per_record.ratio) == (20_000.0, 2.0)
    assert memory.ratio == 1.25


def test_the_table_has_a_line_for_each_figure_and_a_dash_for_no_floor() -> None:
    table = as_table(as_json([Figure(name="restart", value=1.23456, unit="s")]))

    assert table.splitlines()[1].split() == ["restart", "1.235", "-", "-", "s"]


@pytest.mark.parametrize(
    ("records", "label"), [(40, "40"), (1000, "1k"), (100_000, "100k"), (1_000_000, "1M")]
)
def test_sizes_are_named_as_people_say_them(records: int, label: str) -> None:
    assert Size(records, 1).label == label


def test_a_history_repeats_its_first_cycle_under_other_numbers() -> None:
    account = AccountName("story")
    cycle = [event for _, event in cycle_of_events(account)]

    told = list(history(account, 1 + 2 * len(cycle)))

    again = told[1 + len(cycle) :]
    assert [type(event) for event in again] == [type(event) for event in cycle]
    assert len({event.envelope.event_id for event in told}) == len(told)
    assert _ids(again).isdisjoint(_ids(cycle))
    assert [replace(event, envelope=cycle[0].envelope) for event in again[-2:]] == [
        replace(event, envelope=cycle[0].envelope) for event in cycle[-2:]
    ]


def test_a_history_has_orders_that_were_cancelled_as_a_real_one_has() -> None:
    told = list(history(AccountName("story"), 10_000))

    state = fold(told)

    assert state.incidents == 0
    cancelled = sum(isinstance(event, OrderCanceled) for event in told)
    assert cancelled == len(state.closed_orders) == state.ends.expired > 100


def test_quick_and_full_exclude_each_other() -> None:
    with pytest.raises(SystemExit):
        main(["--quick", "--full"])


def _ids(events: list[LogEvent]) -> set[int | None]:
    return {event.envelope.recommendation_id for event in events}


def test_a_book_to_decide_in_is_half_held_and_half_on_its_way() -> None:
    state = book(10)

    assert len(state.positions) == 5
    assert len(state.orders) == 5
    assert state.ends.declined == 10
