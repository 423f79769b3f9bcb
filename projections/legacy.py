"""`legacy_executions`: what the replaced service executed, as its ledger was imported."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from events.account import LegacyExecutionImported
from events.envelope import Origin
from events.recommendation import Action, InstrumentType
from events.values import Money, Quantity
from projections.projection import Projection, Readable
from projections.stage import Json, Row, Stage, keep_first
from projections.texts import json_or_text


class LegacyExecutionRow(NamedTuple):
    """One row of the old ledger."""

    account_name: str
    execution_id: UUID
    legacy_account_name: str | None
    legacy_recommendation_id: int | None
    ticker: str
    action: str
    instrument_type: InstrumentType
    side: Action
    decision_ts: datetime | None
    simulated_ts: datetime | None
    entry_price: Money
    qty: Quantity
    notional: Money
    execution_mode: str
    row_json: Json | None
    imported_at: datetime
    log_offset: int


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return the row that an import brought."""
    if not isinstance(event, LegacyExecutionImported):
        return
    yield LegacyExecutionRow(
        account_name=event.envelope.account_name,
        execution_id=event.execution_id,
        legacy_account_name=event.legacy_account_name,
        legacy_recommendation_id=event.legacy_recommendation_id,
        ticker=event.ticker,
        action=event.action,
        instrument_type=event.instrument_type,
        side=event.side,
        decision_ts=event.decision_ts,
        simulated_ts=event.simulated_ts,
        entry_price=event.entry_price,
        qty=event.quantity,
        notional=event.notional,
        execution_mode=event.execution_mode,
        row_json=json_or_text(event.row),
        imported_at=event.envelope.occurred_at,
        log_offset=origin.offset,
    )


LEGACY: Final = Projection(
    name="legacy",
    reads_logs=True,
    events=frozenset({LegacyExecutionImported}),
    tables=("legacy_executions",),
    stages=(
        Stage(
            name="stage_legacy_executions",
            row=LegacyExecutionRow,
            merges=(
                keep_first(
                    "legacy_executions",
                    "stage_legacy_executions",
                    LegacyExecutionRow,
                    key=("account_name", "execution_id"),
                    order="log_offset",
                ),
            ),
        ),
    ),
    rows=rows,
)
"""The old ledger, beside the executions: of two events about one execution the first stays."""
