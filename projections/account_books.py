"""An account's books: its own fold, and what tables want to know beside it."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from immutables import Map

from accounts.calendar import exchange_day
from accounts.evolve import evolve
from accounts.forms import form_of
from accounts.state import AccountState
from events.envelope import Origin
from events.identifiers import AccountName
from projections.projection import Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """One account after the event at `log_offset`.

    `last_event_at` is the latest time that an event named. `changed` says, by symbol, which offset
    changed a holding last; `executions` counts recommendations first filled on `executions_day`
    (New York), the latest with any.
    """

    account_name: AccountName
    account: AccountState = field(default_factory=AccountState)
    log_offset: int
    last_event_at: datetime
    changed: Map[str, int] = field(default_factory=Map)
    executions: int = 0
    executions_day: date | None = None


def step(books: Books | None, event: Readable, origin: Origin) -> Books:
    """Return the books after `event`, which stands at `origin` in its account's log."""
    told: Any = event
    envelope = told.envelope
    at: datetime = envelope.occurred_at
    before = AccountState() if books is None else books.account
    account = evolve(before, told)
    changed = Map[str, int]() if books is None else books.changed
    executions, day = (0, None) if books is None else (books.executions, books.executions_day)
    if account.positions is not before.positions:
        changed = _changed(changed, before, account, origin.offset)
    if account.ends.executed > before.ends.executed:
        executions, day = _counted(executions, day, exchange_day(at))
    return Books(
        account_name=AccountName(envelope.account_name),
        account=account,
        log_offset=origin.offset,
        last_event_at=at if books is None else max(at, books.last_event_at),
        changed=changed,
        executions=executions,
        executions_day=day,
    )


_FORM: Final = form_of(Books)


def dump(books: Books) -> str:
    """Return `books` as canonical JSON."""
    return json.dumps(_FORM.write(books), sort_keys=True, separators=(",", ":"))


def load(text: str) -> Books:
    """Return the books that `dump` made `text` of.

    Raises:
        ValueError: No `dump` of this build wrote it.
    """
    try:
        books: Books = _FORM.read(json.loads(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return books


def _changed(
    known: Map[str, int], before: AccountState, after: AccountState, offset: int
) -> Map[str, int]:
    return Map(
        {
            symbol: known[symbol] if before.positions.get(symbol) is held else offset
            for symbol, held in after.positions.items()
        }
    )


def _counted(executions: int, day: date | None, today: date) -> tuple[int, date | None]:
    if day is None or today > day:
        return 1, today
    return (executions + 1, day) if today == day else (executions, day)
