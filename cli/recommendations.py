"""`dispatcher recommendations`: publish them, and tell what became of one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, plain, print_json, progress, say
from cli.telling import decision_of, print_story
from consumers.again import taken_again
from consumers.errors import BadInputError, DifferenceFound
from consumers.publish import PublishResult, parse_lines
from consumers.publish import publish as send
from consumers.story import tell
from consumers.tables import Rows, rows_of_recommendation
from events.identifiers import RECOMMENDATION_ID_MAX
from events.recommendation import RecommendationIssued

app = typer.Typer(help="Publish recommendations; tell one's whole story.", no_args_is_help=True)


@app.command()
def publish(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Lines of JSON; - is stdin.")],
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Append recommendations to their topic: all of the file, or nothing if a line is bad.

    Example: dispatcher recommendations publish today.jsonl
    """
    settings = settings_from(config)
    recommendations = parse_lines(_lines(file))
    codec = checked_codec(settings, [RecommendationIssued])
    with progress("publishing", len(recommendations)) as bar:
        done = send(recommendations, settings, codec, bar.show)
    if as_json:
        behind = None if done.last_offset is None else done.last_offset + 1
        print_json({**plain(done), "next_offset": behind})
        return
    say(_sentence(done))
    if done.last_offset is not None:
        say("To wait until the tables have them:")
        say(
            f"  dispatcher projections wait recommendations --offset {done.last_offset + 1}",
            to_copy=True,
        )


@app.command()
def show(
    recommendation_id: Annotated[
        int,
        typer.Argument(
            metavar="ID", min=1, max=RECOMMENDATION_ID_MAX, help="The recommendation's number."
        ),
    ],
    *,
    account: Annotated[str | None, typer.Option(help="Only what this account did.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Take each decision again; exit code 6 if one differs.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell what became of a recommendation in every configured account, and why.

    Everything is read from the logs; what the tables have stands beside it if they answer.

    Example: dispatcher recommendations show 20140102017 --account tiny
    """
    settings = settings_from(config)
    accounts = None if account is None else [settings.account(account)]
    codec = checked_codec(settings)
    with progress("reading") as bar:
        story = tell(
            settings,
            codec,
            recommendation_id,
            lambda topic, at, end: bar.show(at, end, f"reading {topic}"),
            accounts,
        )
        taken = {
            name: taken_again(
                settings.kafka.cluster,
                codec,
                name,
                decision,
                story.issued,
                lambda at, end: bar.show(at, end, "deciding again"),
            )
            for name, told in story.accounts.items()
            if again and (decision := decision_of(told)) is not None
        }
    rows = Rows(fault="the configuration has no [postgres]")
    if settings.postgres is not None:
        rows = rows_of_recommendation(settings.postgres_dsn(), recommendation_id)
    print_story(story, rows, taken, as_json=as_json)
    if any(one.fault is None and not one.to_the_byte for one in taken.values()):
        raise DifferenceFound("a decision does not come out the same: another build took it")


def _sentence(done: PublishResult) -> str:
    if done.count == 0:
        return "Nothing to publish: the input holds no line."
    return (
        f"Published {done.count} recommendations at offsets {done.first_offset} to "
        f"{done.last_offset}."
    )


def _lines(file: str) -> list[str]:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        # Only a line feed ends a line: str.splitlines would also split inside JSON texts.
        return raw.decode().split("\n")
    except OSError as error:
        raise BadInputError(
            f"{file} cannot be read: {error.strerror}: check its path and permissions"
        ) from None
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"{file} is not UTF-8 at byte {error.start}: write it as UTF-8; nothing was sent"
        ) from None
