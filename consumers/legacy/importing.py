"""The import: look at everything first, then append, account by account, what is not there yet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from consumers.clock import SystemClock
from consumers.dispatcher.opening import check_identity
from consumers.dispatcher.seat import Record
from consumers.errors import Refused
from consumers.legacy.decisions import Decisions, LeftOut, Open, Verdict, verdict
from consumers.legacy.imported import ImportedInto
from consumers.legacy.rows import Judged, OldExecution, OldRow
from consumers.legacy.source import OldLedger, OldTable
from consumers.legacy.taking import ImportSeat, refuse_a_dispatcher
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from consumers.settings_hash import config_hash
from consumers.topics_admin import check_account_topics
from consumers.version import build
from events import roles
from events.account import LegacyExecutionImported
from events.author import Author
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and of how much."""

_BATCH_RECORDS: Final = 500
_BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that share an old account name (None: none), a mode and a fate."""

    account: str | None
    mode: str | None
    verdict: Verdict
    imported_before: bool


@dataclass(slots=True)
class Counted:
    """How many rows of a group there are, and from when to when."""

    rows: int = 0
    first_at: str | None = None
    last_at: str | None = None

    def count(self, at: str | None) -> None:
        """Count one row more, of the moment `at` (ISO 8601, UTC)."""
        self.rows += 1
        if at is not None:
            self.first_at = min(self.first_at or at, at)
            self.last_at = max(self.last_at or at, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotImported:
    """A row that stays out, or waits for a decision, and why."""

    row: OldRow
    verdict: LeftOut | Open
    faults: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Plan:
    """What there is and where it would go; `not_imported` names each row that would not."""

    tables: tuple[OldTable, ...]
    unexecuted: Mapping[str, int]
    groups: dict[Group, Counted] = field(default_factory=dict)
    not_imported: list[NotImported] = field(default_factory=list)

    def open_rows(self, question: Open) -> int:
        """Return how many rows wait for the answer to `question`."""
        return sum(found.rows for group, found in self.groups.items() if group.verdict is question)

    def rows_for(self, account: AccountName, *, imported_before: bool) -> int:
        """Return how many rows go to `account`, or are in its log already."""
        return sum(
            found.rows
            for group, found in self.groups.items()
            if group.verdict == account and group.imported_before is imported_before
        )


class Importer:
    """One import, from the old ledger into the logs of configured accounts."""

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        ledger: OldLedger,
        decisions: Decisions,
        *,
        on_progress: OnProgress = lambda _title, _at, _end: None,
    ) -> None:
        """Be ready to import what `decisions` let in; nothing is read yet.

        Raises:
            NotFoundError: An account that rows are to go to is not configured.
        """
        self._settings = settings
        self._codec = codec
        self._ledger = ledger
        self._decisions = decisions
        self._on_progress = on_progress
        self._targets = [settings.account(name) for name in decisions.targets()]
        cluster = settings.kafka.cluster
        self._logs = {
            one.account: ImportedInto(cluster, one.account, codec)
            for one in settings.accounts.values()
        }

    def plan(self) -> Plan:
        """Look at every row and every log, and say where each row would go. Writes nothing.

        Raises:
            ConfigurationError: The old tables, the topics or a log are not as they must be.
            ServiceUnreachable: A service does not answer.
        """
        for one in self._targets:
            check_account_topics(
                self._settings.kafka.cluster,
                one.account,
                development=self._settings.kafka.environment == "development",
            )
        if self._targets:
            for log in self._logs.values():
                log.read_on(partial(self._on_progress, f"reading the log of {log.account}"))
        plan = Plan(tables=self._ledger.tables, unexecuted=self._ledger.unexecuted())
        for number, judged in enumerate(self._ledger.read(), start=1):
            self._count(plan, judged)
            self._on_progress("reading the old ledger", number, self._ledger.rows)
        return plan

    def run(self, plan: Plan) -> dict[AccountName, int]:
        """Append what is not in the logs yet; return how many events each log has been given.

        Raises:
            Refused: Something is undecided, an account was never opened, or its dispatcher runs.
            SeatLost: The seat went; what was appended stays, the rest is for another import.
        """
        if any(isinstance(group.verdict, Open) for group in plan.groups):
            raise Refused("not every row of the old ledger has a decision; nothing was imported")
        wanted = [one for one in self._targets if plan.rows_for(one.account, imported_before=False)]
        for one in wanted:  # all of them before the first is written to
            self._check(one)
        return {one.account: self._import(one, plan) for one in wanted}

    def _count(self, plan: Plan, judged: Judged) -> None:
        row, where = judged.row, verdict(judged, self._decisions, self._found_in)
        execution = judged.execution
        before = (
            not isinstance(where, LeftOut | Open)
            and execution is not None
            and execution.execution_id.bytes in self._logs[where].ids
        )
        group = Group(row.account, row.mode, where, before)
        plan.groups.setdefault(group, Counted()).count(row.at)
        if isinstance(where, LeftOut | Open):
            plan.not_imported.append(NotImported(row=row, verdict=where, faults=judged.faults))

    def _check(self, account: AccountSettings) -> None:
        log = self._logs[account.account]
        if log.opened is None:
            log.read_all()  # its opening may be committed a moment before readers see it
        opened = log.opened
        if opened is None:
            raise Refused(
                f"account {account.name} has never been opened: its log must begin with what it "
                f"is. Run `dispatcher accounts run {account.name} --until-caught-up` once, then "
                "import"
            )
        check_identity(opened, account, account.broker_account_number)
        refuse_a_dispatcher(self._settings.kafka.cluster, account)

    def _import(self, account: AccountSettings, plan: Plan) -> int:
        name, log = account.account, self._logs[account.account]
        total, written = plan.rows_for(name, imported_before=False), 0
        author = Author(
            account=name, run_id=uuid4(), config_hash=config_hash(account), build=build()
        )
        rows = self._rows_for(name)
        # PostgreSQL sorts before it gives the first row; a seat is not held for that long.
        waiting = next(rows, None)
        with ImportSeat(self._settings.kafka.cluster, account) as seat:
            log.read_all()
            batch: list[Record] = []
            size = 0
            while waiting is not None:
                if waiting.execution_id.bytes not in log.ids:
                    record = self._record(author, waiting)
                    log.ids.add(waiting.execution_id.bytes)
                    batch.append(record)
                    size += len(record.value)
                waiting = next(rows, None)
                if batch and (
                    waiting is None or len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES
                ):
                    seat.append(batch)
                    written += len(batch)
                    batch, size = [], 0
                    self._on_progress(f"importing into {name}", written, total)
        return written

    def _rows_for(self, account: AccountName) -> Iterator[OldExecution]:
        names = self._decisions.names_of(account)
        unnamed = self._decisions.unnamed == account
        for judged in self._ledger.read_of(names, unnamed=unnamed):
            where = verdict(judged, self._decisions, self._found_in)
            if judged.execution is not None and where == account:
                yield judged.execution

    def _found_in(self, execution_id: UUID) -> AccountName | None:
        found = (name for name, log in self._logs.items() if execution_id.bytes in log.ids)
        return next(found, None)

    def _record(self, author: Author, execution: OldExecution) -> Record:
        event = imported(author, execution, SystemClock().now())
        topic, key = log_of(author.account).name, author.account.encode()
        return Record(topic, self._codec.encode(event), key)


def imported(author: Author, execution: OldExecution, now: datetime) -> LegacyExecutionImported:
    """Return an old execution as the event that it was imported at `now`.

    It names no recommendation in its envelope: the old service counted in numbers of its own.
    """
    subject = f"legacy:{execution.execution_id}"
    return LegacyExecutionImported(
        envelope=author.about(subject, roles.IMPORTED, occurred_at=now),
        execution_id=execution.execution_id,
        legacy_account_name=execution.legacy_account_name,
        legacy_recommendation_id=execution.legacy_recommendation_id,
        ticker=execution.ticker,
        action=execution.action,
        instrument_type=execution.instrument_type,
        side=execution.side,
        decision_ts=execution.decision_ts,
        simulated_ts=execution.simulated_ts,
        entry_price=execution.entry_price,
        quantity=execution.quantity,
        notional=execution.notional,
        execution_mode=execution.execution_mode,
        row=execution.row,
    )
