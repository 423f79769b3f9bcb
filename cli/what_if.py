"""`dispatcher accounts what-if`: the same recommendations under other limits, side by side."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from accounts.limits import Limits
from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, Limit, print_json, progress
from cli.periods import From, To, period
from cli.what_if_answer import Answer, as_json
from cli.what_if_view import print_answer
from consumers.account_history import Period
from consumers.errors import NotFoundError
from consumers.recorded_advice import recorded_advice
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from consumers.settings_limits import (
    PresentLimits,
    UnclearLimit,
    present_limits,
    with_limits,
)
from consumers.what_if import Simulation, compare, opening
from consumers.what_if_past import past_of
from events.catalog import LOG_EVENTS


def what_if(  # noqa: PLR0913 -- a command's options
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account, as it is configured.")],
    *,
    changes: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="A limit as in the configuration."),
    ],
    start: From = None,
    end: To = None,
    limit: Limit = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="List every recommendation that fares differently.")
    ] = False,
    resume_next_day: Annotated[
        bool,
        typer.Option(
            "--resume-next-day", help="What the account does to itself ends with the day."
        ),
    ] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Decide what was recommended under other limits, in simulation; nothing is written.

    Example: dispatcher accounts what-if tiny --set max_open_positions=3 --from 2022-01-01
    """
    asked, settings = period(start, end), settings_from(config)
    account = settings.account(name)
    _changed(account.limits(), changes)  # what is mistyped is told before anything is read
    answer = _answer(settings, account, changes, asked, resume_next_day=resume_next_day)
    if json:
        print_json(as_json(answer))
        return
    print_answer(answer, None if everything else limit)


def _answer(
    settings: Settings,
    account: AccountSettings,
    changes: Sequence[str],
    asked: Period,
    *,
    resume_next_day: bool,
) -> Answer:
    cluster, codec = settings.kafka.cluster, checked_codec(settings)
    codec.prepare(LOG_EVENTS)
    with progress("reading") as bar:
        past = past_of(
            cluster,
            account.account,
            codec,
            asked,
            lambda at, end: bar.show(at, end, f"reading the log of {account.name}"),
        )
        state = past.state
        present = present_limits(account, None if state.version is None else state.version.limits)
        now = present.limits
        changed = _changed(now, changes)
        first = 0 if asked.start is not None or state.opened is None else state.opened.first_offset
        advice = recorded_advice(
            cluster,
            codec,
            asked,
            first,
            lambda at, end: bar.show(at, end, "reading recommendations"),
        )
        if not advice:
            raise NotFoundError(
                "nothing was recommended in that time: give another --from or --to, or publish "
                "recommendations first"
            )
        opened = state.opened or opening(account, advice)
        opens = partial(Simulation, account, opened=opened, codec=codec, past=past)
        found = compare(
            opens(now, resume_next_day=resume_next_day),
            opens(changed, resume_next_day=resume_next_day),
            advice,
            lambda done: bar.show(done, len(advice), "deciding them twice"),
        )
    return Answer(
        account=account,
        period=asked,
        recommendations=advice,
        now=now,
        what_if=changed,
        found=found,
        past=past,
        notice=_notice(present),
    )


def _changed(limits: Limits, changes: Sequence[str]) -> Limits:
    try:
        return with_limits(limits, changes)
    except UnclearLimit as error:
        raise typer.BadParameter(f"--set: {error}") from None


def _notice(present: PresentLimits) -> str | None:
    if not present.from_log:
        return "It has never run: its present limits are those of the configuration."
    if not present.differing:
        return None
    return (
        "Its last run decided under other limits than the configuration has by now "
        f"({', '.join(present.differing)}); those of its last run are taken for its present ones."
    )
