import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consumers.cluster import Cluster
from consumers.publish import parse_lines
from consumers.scan import ends
from tests.cli.advice import line, lines
from tests.cli.running import Command

RECOMMENDATIONS = "recommendations"


@pytest.fixture
def published(dispatcher: Command, cluster: Cluster) -> Callable[[], int | None]:
    """How many records the topic holds, which exists and is empty at first."""
    assert dispatcher("topics", "apply").code == 0
    return lambda: ends(cluster, [RECOMMENDATIONS])[RECOMMENDATIONS]


def test_a_file_is_published_in_its_order(
    dispatcher: Command, published: Callable[[], int | None], tmp_path: Path
) -> None:
    file = tmp_path / "today.jsonl"
    file.write_text(lines(line(3), "", line(1), line(2), line(3)))

    first = dispatcher("recommendations", "publish", str(file), "--json")
    second = dispatcher("recommendations", "publish", "-", stdin=line(4))

    assert first.data == {"first_offset": 0, "last_offset": 2, "count": 3, "next_offset": 3}
    assert second.out.splitlines() == [
        "Published 1 recommendations at offsets 3 to 3.",
        "To wait until the tables have them:",
        "  dispatcher projections wait recommendations --offset 4",
    ]
    assert published() == 4


def test_an_empty_input_publishes_nothing(
    dispatcher: Command, published: Callable[[], int | None]
) -> None:
    answer = dispatcher("recommendations", "publish", "-", "--json")

    assert (answer.code, answer.data["count"], published()) == (0, 0, 0)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "line 2: is not JSON"),
        (line(2, reference_price="-1"), "line 2: reference_price -1 is not a price"),
        (line(1, reason="another"), "line 2: recommendation_id 1 stands on line 1"),
    ],
)
def test_one_bad_line_and_nothing_of_the_file_is_sent(
    dispatcher: Command, published: Callable[[], int | None], bad: str, said: str
) -> None:
    answer = dispatcher("recommendations", "publish", "-", stdin=lines(line(1), bad, line(3)))

    assert answer.code == 4
    assert said in answer.sentence
    assert "nothing was sent" in answer.sentence
    assert published() == 0


@pytest.mark.parametrize(
    ("stdin", "said"), [(b"\xff\xfe", "not UTF-8"), (b"\xef\xbb\xbf{}", "is not JSON")]
)
def test_bytes_that_are_no_text_are_refused(lonely: Command, stdin: bytes, said: str) -> None:
    answer = lonely("recommendations", "publish", "-", stdin=stdin)

    assert answer.code == 4
    assert said in answer.sentence


def test_a_file_that_is_not_there_is_bad_input(lonely: Command) -> None:
    answer = lonely("recommendations", "publish", "missing.jsonl")

    assert answer.code == 4
    assert "missing.jsonl cannot be read" in answer.sentence


def test_a_topic_that_is_not_there_is_a_matter_of_configuration(dispatcher: Command) -> None:
    answer = dispatcher("recommendations", "publish", "-", stdin=line())

    assert answer.code == 3
    assert "dispatcher topics apply" in answer.sentence


def test_forty_thousand_lines_are_read_in_seconds() -> None:
    given = [line(number) for number in range(1, 40_001)]
    before = time.monotonic()

    found = parse_lines(given)

    assert len(found) == 40_000
    assert time.monotonic() - before < 20
