"""Times as they are typed: an instant with its zone, or a day at the exchange."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

import typer

from accounts.calendar import NEW_YORK
from consumers.account_history import Period
from consumers.clock import SystemClock

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="The first day in New York, or a time with its zone."
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="The last day, or a time: up to before it."),
]

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME|OFFSET", help="As it was: a time with its zone, or a next offset."
    ),
]


def point_of_log(text: str, option: str = "--as-of") -> int | datetime:
    """Return where in a log `text` points: an offset, or a time in UTC.

    Raises:
        typer.BadParameter: It is neither, or a time that is yet to come.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    found = instant(text, option, or_else=", or an offset of the log such as 120")
    if found > SystemClock().now():
        raise typer.BadParameter(f"{option} {text} is yet to come")
    return found


def point_of_logs(text: str, account: str | None, option: str = "--as-of") -> int | datetime:
    """Return `point_of_log` for one account, or for all of them.

    Raises:
        typer.BadParameter: As `point_of_log`; or it is an offset, and no account is named.
    """
    found = point_of_log(text, option)
    if isinstance(found, int) and account is None:
        raise typer.BadParameter(
            f"{option} {text}: an offset is of one account's log: say whose with --account, or "
            "give a time"
        )
    return found


def as_of_in_words(account: str, log_offset: int | None) -> str:
    """Return which part of an account's log an answer is of; without an offset it has none."""
    if log_offset is None:
        return f"{account} has no log yet."
    if log_offset == 0:
        return f"{account}: before the first event of its log."
    return f"{account}: its log before offset {log_offset}, and nothing after."


def period(start: str | None, end: str | None) -> Period:
    """Return the period that was typed; a last day is part of it.

    Raises:
        typer.BadParameter: One of them is neither a day nor a time with its zone, or none is left.
    """
    found = Period(
        None if start is None else _instant(start, "--from"),
        None if end is None else _instant(end, "--to", last_day=True),
    )
    if found.start is not None and found.end is not None and found.start >= found.end:
        raise typer.BadParameter(f"--from {start} is not before --to {end}")
    return found


def instant(text: str, option: str, or_else: str = "") -> datetime:
    """Return a time with its zone, as UTC.

    Raises:
        typer.BadParameter: It is no such time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text}: write a time such as 2026-01-31T09:30:00-05:00{or_else}"
        ) from None
    if found.tzinfo is None:
        raise typer.BadParameter(
            f"{option} {text} says no zone: add Z, or the zone's distance such as -05:00"
        )
    return found.astimezone(UTC)


def _instant(text: str, option: str, *, last_day: bool = False) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return instant(text, option)
    begins = datetime.combine(day + timedelta(days=last_day), time(), NEW_YORK)
    return begins.astimezone(UTC)
