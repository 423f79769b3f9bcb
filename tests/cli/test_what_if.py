"""`accounts what-if` as it is typed: two courses side by side, and nothing written."""

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from consumers.offsets import watermarks
from tests.cli.advice import line, lines
from tests.cli.running import Command, Place
from tests.services import Services

TICKERS = ("AAPL", "AMD", "BAC", "MSFT")


@pytest.fixture(scope="module")
def place(services: Services) -> Place:
    """An empty corner of Kafka; no database is asked."""
    prefix = f"t{uuid4().hex[:12]}."
    return Place(services.bootstrap_servers, services.registry_url, prefix=prefix)


@pytest.fixture(scope="module")
def traded(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One account that bought four stocks, and whose last advice came too doubtful."""
    dispatcher = place.at(tmp_path_factory.mktemp("traded"))
    bought = [line(number, ticker=ticker) for number, ticker in enumerate(TICKERS, start=1)]
    next_day = {"issued_at": "2022-03-17T15:00:00Z", "features_at": "2022-03-17T14:58:00Z"}
    doubted = line(9, ticker="XOM", confidence="0.1", **next_day)
    for arguments, stdin in (
        (("topics", "apply"), ""),
        (("recommendations", "publish", "-"), lines(*bought, doubted)),
        (("accounts", "run", "large-default", "--until-caught-up"), ""),
    ):
        answer = dispatcher(*arguments, stdin=stdin)
        assert answer.code == 0, answer.err
    return dispatcher


def _everything(place: Place, directory: Path) -> dict[str, Any]:
    """Return what there is to see of Kafka and of the directory, to compare."""
    admin = AdminClient({"bootstrap.servers": place.bootstrap_servers})
    reader = Consumer({"bootstrap.servers": place.bootstrap_servers, "group.id": "looks"})
    try:
        topics = [name for name in admin.list_topics(timeout=10).topics if place.prefix in name]
        groups = admin.list_consumer_groups().result(10).valid
        return {
            "ends": {name: watermarks(reader, name) for name in topics},
            "groups": sorted(one.group_id for one in groups if place.prefix in one.group_id),
            "files": {file.name: file.read_bytes() for file in directory.iterdir()},
        }
    finally:
        reader.close()


def test_a_question_shows_both_courses_and_what_happened(traded: Command) -> None:
    answer = traded("accounts", "what-if", "large-default", "--set", "max_open_positions=2")

    assert answer.code == 0, answer.err
    assert "max_open_positions: 5 → 2" in answer.out
    rows = {row[0]: row[1:] for one in answer.out.splitlines() if len(row := one.split()) > 1}
    assert rows["Executed"] == ["4", "2", "-2", "4"]
    assert rows["Declined"] == ["1", "3", "+2", "1"]
    assert rows["max_open_positions"] == ["0", "3", "+3", "0"]
    assert rows["3"][1:4] == ["BAC", "buy", "24"]
    assert max(len(one) for one in answer.out.splitlines()) <= 80


def test_as_json_all_that_differs_is_told_exactly(traded: Command) -> None:
    asked = ("accounts", "what-if", "large-default", "--set", "max_open_positions=2", "--json")

    found = traded(*asked).data

    assert found["changes"] == {"max_open_positions": {"now": 5, "what_if": 2}}
    assert found["recommendations"] == 5
    assert found["now"] == found["log"]
    assert (found["now"]["ends"]["executed"], found["what_if"]["ends"]["executed"]) == (4, 2)
    differing = {one["now"]["recommendation_id"]: one for one in found["differing"]}
    assert {number: one["kind"] for number, one in differing.items()} == {
        3: "end",
        4: "end",
        9: "gates",
    }
    assert differing[3]["what_if"]["declined_by"] == ["max_open_positions"]
    assert isinstance(found["now"]["peak_exposure"], str)
    assert traded(*asked).data == found


def test_a_period_takes_part_of_what_was_recommended(traded: Command) -> None:
    asked = ("accounts", "what-if", "large-default", "--set", "max_open_positions=2", "--json")

    assert traded(*asked, "--from", "2022-03-17").data["recommendations"] == 1
    assert traded(*asked, "--to", "2022-03-16").data["recommendations"] == 4
    assert traded(*asked, "--to", "2022-03-16T15:00:00Z").code == 5


def test_a_period_begins_as_the_account_was_then(traded: Command) -> None:
    asked = ("accounts", "what-if", "large-default", "--set", "ticker_daily_limit=1")

    whole, later = traded(*asked), traded(*asked, "--from", "2022-03-17")
    earlier = traded(*asked, "--from", "2022-03-01")

    assert "each opens with its starting cash, and" in _unfolded(whole.out)
    assert "begins as the account was then, before 2022-03-17 04:00:00 UTC," in _unfolded(later.out)
    assert "as its log does not reach back to --from" in _unfolded(earlier.out)
    found = traded(*asked, "--from", "2022-03-17", "--json").data
    assert found["starts_from_log"] is True
    assert found["now"] == found["log"]
    assert found["now"]["peak_exposure"] != "0"
    assert (found["markets_seen"], found["brackets_left_out"]) == (0, False)


def test_stops_and_targets_are_said_to_be_left_out(traded: Command) -> None:
    asked = ("accounts", "what-if", "large-default", "--set", "brackets=DAY")

    answer, plain = traded(*asked), traded(*asked[:-1], "ticker_daily_limit=1")

    left_out = "are left out of both: 0 of 4 orders on the log had them."
    assert left_out in _unfolded(answer.out)
    assert "left out" not in plain.out
    assert traded(*asked, "--json").data["brackets_on_log"] == 0


def _unfolded(text: str) -> str:
    return " ".join(text.split())


def test_an_account_that_never_ran_is_asked_under_its_configured_limits(traded: Command) -> None:
    answer = traded("accounts", "what-if", "tiny", "--set", "max_open_positions=1", "--json")

    assert answer.data["log"] is None
    assert "never run" in answer.data["notice"]
    assert answer.data["what_if"]["peak_positions"] == 1


def test_nothing_is_written_anywhere_and_no_producer_can_even_be_made(
    traded: Command, place: Place
) -> None:
    before = _everything(place, traded.directory)
    (traded.directory / "sitecustomize.py").write_text(
        "import confluent_kafka\n"
        "def refuse(*_, **__): raise AssertionError('a producer was made')\n"
        "confluent_kafka.Producer = refuse\n"
    )
    root = str(Path(sys.modules["tests"].__path__[0]).parent)
    path = {"PYTHONPATH": f"{traded.directory}:{root}"}
    asked = ("accounts", "what-if", "large-default", "--set", "ticker_daily_limit=0")

    published = traded("recommendations", "publish", "-", stdin=line(99), environ=path)
    answer = traded(*asked, environ=path)

    assert "a producer was made" in published.err
    assert answer.code == 0, answer.err
    (traded.directory / "sitecustomize.py").unlink()
    assert _everything(place, traded.directory) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "max_open_position=3"], "max_open_positions"),
        (["--set", "max_open_positions"], "KEY=VALUE"),
        (["--set", "max_open_positions=many"], "valid integer"),
        (["--set", "max_open_positions=3", "--from", "2022-03-17T15:00:00"], "zone"),
        (["--set", "max_open_positions=3", "--from", "yesterday"], "2026-01-31"),
        (["--set", "max_open_positions=3", "--from", "2022-03-17", "--to", "2022-03-01"], "before"),
        ([], "--set"),
    ],
)
def test_a_question_that_is_none_is_refused_before_anything_is_read(
    lonely: Command, arguments: list[str], words: str
) -> None:
    answer = lonely("accounts", "what-if", "tiny", *arguments)

    assert answer.code == 2
    assert words in answer.err
