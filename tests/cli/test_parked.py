import psycopg
import pytest
import typer

from cli.parked import topic_of
from tests.cli.advice import line
from tests.cli.running import Command, Place

WHERE = ("executions", "dispatch.events.large-default")


@pytest.fixture
def stuck(dispatcher: Command, place: Place) -> Command:
    """An executed recommendation whose execution the table refuses."""
    _sql(place, "ALTER TABLE dispatch_executions ADD CONSTRAINT no_msft CHECK (ticker <> 'MSFT')")
    for arguments in (
        ("topics", "apply"),
        ("recommendations", "publish", "-"),
        ("accounts", "run", "large-default", "--until-caught-up"),
        ("projections", "run", "--until-caught-up"),
        ("projections", "run", "--until-caught-up"),  # what was said about the failure itself
    ):
        answer = dispatcher(*arguments, stdin=line(7))
        assert answer.code == 0, answer.err
    return dispatcher


def test_what_is_parked_can_be_looked_at_and_retried_once_it_is_mended(
    stuck: Command, place: Place
) -> None:
    [queue] = stuck("projections", "parked", "list", "--json").data
    assert (queue["projection"], queue["topic"]) == WHERE
    assert "no_msft" in queue["error"]
    [failure] = stuck("failures", "list", "--json").data
    shown = stuck("failures", "show", failure["event_id"][:8])
    assert "projection_failed" in shown.out
    assert "no_msft" in shown.out
    parked = stuck("projections", "parked", "show", *WHERE, "--json").data
    assert any(one["failed"] and "no_msft" in one["error"] for one in parked)

    in_vain = stuck("projections", "parked", "retry", *WHERE)
    _sql(place, "ALTER TABLE dispatch_executions DROP CONSTRAINT no_msft")
    mended = stuck("projections", "parked", "retry", *WHERE, "--json")

    assert in_vain.code == 6
    assert "still cannot be applied" in in_vain.sentence
    assert mended.code == 0
    assert mended.data["waiting"] == 0
    [execution] = stuck("executions", "list", "--json").data
    assert execution["recommendation_id"] == 7


def test_what_will_never_fit_is_skipped_for_a_reason_and_a_rebuild_leaves_it_out_too(
    stuck: Command,
) -> None:
    parked = stuck("projections", "parked", "show", *WHERE, "--json").data
    [offset] = [one["offset"] for one in parked if one["failed"]]

    empty = stuck("projections", "parked", "skip", *WHERE, str(offset), "--reason", " ")
    skipped = stuck("projections", "parked", "skip", *WHERE, str(offset), "--reason", "never fits")
    rebuilt = stuck("projections", "rebuild", "executions", "--json")

    assert (empty.code, skipped.code) == (2, 0)
    assert skipped.out.startswith("1 skipped")
    assert rebuilt.code == 0
    assert stuck("executions", "list", "--json").data == []
    assert stuck("projections", "parked", "list", "--json").data == []
    assert stuck("projections", "run", "--until-caught-up").code == 0
    [failure] = stuck("failures", "list", "--json").data
    assert "never fits" in stuck("failures", "show", failure["event_id"][:8]).out
    assert stuck("projections", "verify").code == 0


def test_an_account_that_stands_still_is_named_with_its_offsets_its_error_and_since_when(
    stuck: Command,
) -> None:
    [queue] = stuck("projections", "parked", "list", "--json").data
    [failure] = stuck("failures", "list", "--json").data

    listed = stuck("projections", "parked", "list").out
    retried = stuck("projections", "parked", "retry", "executions", "large-default")
    [still] = stuck("projections", "parked", "list", "--json").data
    unknown = stuck("projections", "parked", "show", "executions", "Large Default")

    assert queue["failed_at"] == failure["occurred_at"]
    assert still["failed_at"] == queue["failed_at"]
    heading, line, *told = listed.splitlines()
    assert heading.split() == ["Projection", "Account", "Events", "From", "To", "Since"]
    assert line.split()[:5] == [
        "executions",
        "large-default",
        *(str(queue[name]) for name in ("events", "first_offset", "last_offset")),
    ]
    assert line.split()[5:] == queue["failed_at"][:19].split("T")
    assert "no_msft" in " ".join(told)
    assert retried.code == 6
    assert unknown.code == 2
    assert "'Large Default'" in unknown.err


def test_a_retry_where_nothing_is_parked_says_so_and_is_no_success(stuck: Command) -> None:
    misspelt = stuck("projections", "parked", "retry", "executions", "large-defualt")
    elsewhere = stuck("projections", "parked", "retry", "recommendations", "recommendations")
    shown = stuck("projections", "parked", "show", "recommendations", "recommendations")

    assert (misspelt.code, elsewhere.code, shown.code) == (5, 5, 5)
    assert "nothing of dispatch.events.large-defualt is parked in executions" in misspelt.sentence
    assert "nothing of recommendations is parked in recommendations" in elsewhere.sentence
    assert shown.sentence == elsewhere.sentence


@pytest.mark.parametrize(
    ("typed", "topic"),
    [
        ("tiny", "dispatch.events.tiny"),
        ("dispatch.events.tiny", "dispatch.events.tiny"),
        ("recommendations", "recommendations"),
        ("projection.failures", "projection.failures"),
        ("dispatch.dead-letters", "dispatch.dead-letters"),
    ],
)
def test_whose_events_is_said_by_an_account_or_by_any_topic_that_a_projection_reads(
    typed: str, topic: str
) -> None:
    assert topic_of(typed) == topic


def test_what_can_be_neither_an_account_nor_a_topic_is_a_wrong_usage() -> None:
    with pytest.raises(typer.BadParameter, match="'Large Default'"):
        topic_of("Large Default")


def _sql(place: Place, statement: str) -> None:
    with psycopg.connect(place.postgres_dsn, autocommit=True) as connection:
        connection.execute(statement.encode())
