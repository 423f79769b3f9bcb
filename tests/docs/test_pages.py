"""What the documentation points at is there: links, files, tests, topics, gates, events."""

import re
from pathlib import Path

import pytest

from accounts.limits import GATE_NAMES
from docs import generate_events
from events.identifiers import account_name
from events.topics import topics_for
from projections.catalog import PROJECTIONS
from tests.docs.pages import PAGES, ROOT, anchors, inline_code, links, name_of

ARCHITECTURE = ROOT / "docs" / "architecture.md"
OUR_FOLDERS = (
    "accounts",
    "brokers",
    "cli",
    "consumers",
    "docs",
    "events",
    "examples",
    "migrations",
    "projections",
    "schemas",
    "stack",
    "tests",
)


def test_the_page_of_events_is_what_the_event_types_say() -> None:
    assert generate_events.drift() is None


def test_a_changed_or_missing_page_of_events_is_drift(tmp_path: Path) -> None:
    page = tmp_path / "events.md"
    assert generate_events.drift(page) == "events.md is missing"
    page.write_text(generate_events.text() + "\n")
    assert generate_events.drift(page) == "events.md differs from the event types"


def test_a_wrong_argument_of_the_generator_is_a_usage_error() -> None:
    assert generate_events.main(["--chekc"]) == 2


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for code in inline_code(page):
        if re.fullmatch(r"[\w./-]+", code) and code.split("/")[0] in OUR_FOLDERS and "/" in code:
            assert (ROOT / code).exists(), code


def test_every_test_that_is_named_as_a_proof_exists() -> None:
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    for code in inline_code(ARCHITECTURE):
        if code.startswith("test_"):
            assert f"def {code}(" in tests, code


def test_every_topic_and_projection_is_named() -> None:
    named = set(inline_code(ARCHITECTURE))
    topics = {one.name.replace("tiny", "<account>") for one in topics_for([account_name("tiny")])}
    tables = {table for projection in PROJECTIONS for table in projection.tables}

    assert topics <= named
    assert tables | {projection.name for projection in PROJECTIONS} <= named


def test_gates_are_listed_in_the_order_in_which_they_are_asked() -> None:
    section = ARCHITECTURE.read_text(encoding="utf-8").partition("\n### Gates\n")[2]
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|[^|]*\|$", section.partition("\n## ")[0], re.MULTILINE)

    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(GATE_NAMES)


def test_every_record_of_a_decision_is_listed_and_has_its_five_parts() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(links(folder / "README.md"))
    records = sorted(folder.glob("0*.md"))

    assert {record.name for record in records} == listed
    for record in records:
        text = record.read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Rejected alternatives"]
        assert "\n**Status:** " in text, record.name
