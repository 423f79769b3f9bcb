"""`dispatcher_runs`: who had the seat, from when to when, and what came of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from events.account import DispatcherStarted, DispatcherStopped
from events.envelope import Origin
from projections.projection import Projection, Readable
from projections.stage import Json, Row, Stage, keep_first
from projections.texts import json_or_text, json_text


class RunStartedRow(NamedTuple):
    """The beginning of a run, and the configuration it decides under."""

    account_name: str
    run_id: UUID
    started_at: datetime
    host: str
    process_id: int
    build: str
    config_hash: str
    run_config_json: Json | None
    log_offset: int


class RunStoppedRow(NamedTuple):
    """The end of a run in good order, and its counts; a run that crashed has none."""

    account_name: str
    run_id: UUID
    finished_at: datetime
    stop_reason: str
    pulled_count: int
    processed_count: int
    intended_count: int
    skipped_count: int
    failed_count: int
    run_summary_json: Json
    stopped_offset: int


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return the beginning or the end of a run."""
    match event:
        case DispatcherStarted():
            yield RunStartedRow(
                account_name=event.envelope.account_name,
                run_id=event.envelope.dispatcher_run_id,
                started_at=event.envelope.occurred_at,
                host=event.host,
                process_id=event.process_id,
                build=event.envelope.build,
                config_hash=event.envelope.config_hash,
                run_config_json=json_or_text(event.limits),
                log_offset=origin.offset,
            )
        case DispatcherStopped():
            counts = {
                "recommendations_read": event.recommendations_read,
                "intended": event.intended,
                "declined": event.declined,
                "failed": event.failed,
            }
            yield RunStoppedRow(
                account_name=event.envelope.account_name,
                run_id=event.envelope.dispatcher_run_id,
                finished_at=event.envelope.occurred_at,
                stop_reason=event.reason,
                pulled_count=event.recommendations_read,
                processed_count=event.intended + event.declined + event.failed,
                intended_count=event.intended,
                skipped_count=event.declined,
                failed_count=event.failed,
                run_summary_json=json_text({"reason": event.reason, **counts}),
                stopped_offset=origin.offset,
            )
        case _:
            return


_KEY: Final = ("account_name", "run_id")

RUNS: Final = Projection(
    name="runs",
    reads_logs=True,
    events=frozenset({DispatcherStarted, DispatcherStopped}),
    tables=("dispatcher_runs",),
    stages=(
        Stage(
            name="stage_runs_started",
            row=RunStartedRow,
            merges=(
                keep_first(
                    "dispatcher_runs",
                    "stage_runs_started",
                    RunStartedRow,
                    key=_KEY,
                    order="log_offset",
                ),
            ),
        ),
        Stage(
            name="stage_runs_stopped",
            row=RunStoppedRow,
            merges=(
                keep_first(
                    "dispatcher_runs",
                    "stage_runs_stopped",
                    RunStoppedRow,
                    key=_KEY,
                    order="stopped_offset",
                ),
            ),
        ),
    ),
    rows=rows,
)
"""Every run of every account's dispatchers, with its counts once it stopped in good order."""
