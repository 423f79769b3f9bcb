"""`dispatcher accounts halt|reduce|resume|cancel-open`: typed, appended, answered, told."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final, TypeAlias

import typer

from cli.commanded_view import obeyed_as_json, print_obeyed, sentence_of
from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, moment, print_json, progress, say
from cli.who import who
from consumers.clock import SystemClock
from consumers.cluster import Cluster
from consumers.commands import (
    AnswerReader,
    NowhereToTell,
    Obeyed,
    issue,
    new_command,
    with_state,
)
from consumers.errors import DispatcherError, Refused, ServiceUnreachable
from consumers.settings import Settings
from events.account import CommandRefused
from events.catalog import LOG_EVENTS
from events.codec import Codec
from events.command import CommandIssued, CommandKind

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Name = Annotated[
    str | None, typer.Argument(metavar="NAME", help="The account, as it is configured.")
]
All = Annotated[bool, typer.Option("--all", help="Every account of the configuration.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the log for ever.")]
By = Annotated[str | None, typer.Option("--by", help="Who wants it; else who is logged in.")]
Expires = Annotated[
    str, typer.Option("--expires-in", help="Refused from then on: 30s, 5m, 2h or 1d.")
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for the account's answer, 15 s at most.")
]
Command: TypeAlias = Callable[..., None]


def commands(app: typer.Typer) -> None:
    """Add the four commands to `app`."""
    for kind, name, tells, reason, expires in (
        (
            CommandKind.HALT,
            "halt",
            "Start no order any more. Holdings and working orders stay as they are.",
            "the feed is stale",
            "1d",
        ),
        (
            CommandKind.REDUCE,
            "reduce",
            "Start only orders that close a position.",
            "a storm is coming",
            "1d",
        ),
        (
            CommandKind.RESUME,
            "resume",
            "Trade again.",
            "the feed is back",
            "5m",
        ),
        (
            CommandKind.CANCEL_OPEN,
            "cancel-open",
            "Halt, and cancel every order that is open or turns out to be.",
            "the feed is stale",
            "1d",
        ),
    ):
        example = f'Example: dispatcher accounts {name} tiny --reason "{reason}"'
        app.command(name, help=f"{tells}\n\n{example}")(_command(kind, expires))


def _command(kind: CommandKind, expires: str) -> Command:
    def command(  # noqa: PLR0913 -- the options of a command line
        name: Name = None,
        *,
        reason: Reason,
        all_of_them: All = False,
        by: By = None,
        expires_in: Expires = expires,
        wait: Wait = True,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        if not reason.strip():
            raise typer.BadParameter("say why: the log keeps it", param_hint="--reason")
        if (name is None) is not all_of_them:
            raise typer.BadParameter("name one account, or --all", param_hint="NAME")
        settings = settings_from(config)
        names = list(settings.accounts) if name is None else [settings.account(name).name]
        now, lasts = SystemClock().now(), _duration(expires_in)
        wishes = [
            new_command(
                settings.account(one).account,
                kind,
                by=by or who(),
                reason=reason.strip(),
                now=now,
                expires_in=lasts,
            )
            for one in names
        ]
        try:
            obeyed, untold = _obeyed(settings, wishes, wait=wait)
        except ServiceUnreachable as error:
            raise ServiceUnreachable(f"{error}{_without_kafka(kind, settings)}") from error
        if untold is not None and not obeyed:
            raise untold
        _tell(obeyed, untold, waited=wait, one=name is not None, as_json=as_json)

    return command


def _obeyed(
    settings: Settings, wishes: list[CommandIssued], *, wait: bool
) -> tuple[list[Obeyed], NowhereToTell | None]:
    """Return what came of those wishes that could be told, and of which that is not so."""
    cluster = settings.kafka.cluster
    if not wait:
        told, untold = _issued(cluster, checked_codec(settings, [CommandIssued]), wishes)
        return [Obeyed(command=wish, answer=None, dispatchers=0) for wish in told], untold
    codec = checked_codec(settings, [CommandIssued, *LOG_EVENTS])
    accounts = [settings.account(wish.account_name).account for wish in wishes]
    reader = AnswerReader(cluster, codec, accounts)
    try:
        told, untold = _issued(cluster, codec, wishes)
        answers = reader.await_answers(told)
    finally:
        reader.close()
    found: list[Obeyed] = []
    with progress("reading") as bar:
        for wish in told:
            answer = answers[wish.command_id]
            if isinstance(answer, int):
                found.append(Obeyed(command=wish, answer=None, dispatchers=answer))
            else:
                obeyed = with_state(cluster, codec, wish, answer, bar.show)
                behind = reader.next_offsets.get(answer.envelope.event_id)
                found.append(replace(obeyed, next_offset=behind))
    return found, untold


def _issued(
    cluster: Cluster, codec: Codec, wishes: list[CommandIssued]
) -> tuple[list[CommandIssued], NowhereToTell | None]:
    """Tell all that can be told: an account that was never set up keeps no other from its halt."""
    try:
        issue(cluster, codec, wishes)
    except NowhereToTell as error:
        return [wish for wish in wishes if wish.account_name not in error.accounts], error
    return wishes, None


def _tell(
    obeyed: list[Obeyed],
    untold: NowhereToTell | None,
    *,
    waited: bool,
    one: bool,
    as_json: bool,
) -> None:
    if as_json:
        told = [obeyed_as_json(each) for each in obeyed]
        print_json(told[0] if one else told)
    elif not waited:
        for each in obeyed:
            until = moment(each.command.expires_at)
            say(
                f"{each.command.account_name}: the command is in Kafka for good; it is obeyed "
                f"until {until} UTC."
            )
    else:
        print_obeyed(obeyed, in_full=one)
    faults: list[DispatcherError] = [
        fault for each in obeyed if waited and (fault := _fault(each)) is not None
    ]
    if untold is not None:
        faults.append(untold)
    if faults:
        # Not to know is worse than to be refused.
        raise min(faults, key=lambda fault: fault.exit_code)


def _fault(each: Obeyed) -> DispatcherError | None:
    if each.answer is None:
        return ServiceUnreachable(sentence_of(each))
    if isinstance(each.answer, CommandRefused) and not each.as_wished:
        return Refused(sentence_of(each))
    return None


def _without_kafka(kind: CommandKind, settings: Settings) -> str:
    if kind is CommandKind.RESUME or settings.break_glass.file is None:
        return ""
    return (
        f". Without Kafka or the registry every dispatcher that reads this configuration stands "
        f"still as long as {settings.break_glass.file} exists: create it where they run"
    )


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter("say it as 30s, 5m, 2h or 1d", param_hint="--expires-in")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
