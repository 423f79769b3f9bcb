"""`legacy_executions`, as plain as it can be told."""

from typing import ClassVar

from events.account import LegacyExecutionImported
from events.catalog import AnyEvent
from events.envelope import Origin
from projections.dead_letter import DeadLetter
from projections.verify.fold import ExpectedTable
from projections.verify.json_values import storable, stored


class LegacyFold:
    """The first event about an old execution stays."""

    events: ClassVar = frozenset[type]({LegacyExecutionImported})

    def __init__(self) -> None:
        """Start with none."""
        self._rows: ExpectedTable = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what was imported."""
        if not isinstance(event, LegacyExecutionImported):
            return
        account, old_name = event.envelope.account_name, event.legacy_account_name
        row = {
            "account_name": account,
            "execution_id": event.execution_id,
            "legacy_account_name": None if old_name is None else storable(old_name),
            "legacy_recommendation_id": event.legacy_recommendation_id,
            "ticker": storable(event.ticker),
            "action": storable(event.action),
            "instrument_type": event.instrument_type.value,
            "side": event.side.value,
            "decision_ts": event.decision_ts,
            "simulated_ts": event.simulated_ts,
            "entry_price": event.entry_price,
            "qty": event.quantity,
            "notional": event.notional,
            "execution_mode": storable(event.execution_mode),
            "row_json": stored(event.row),
            "imported_at": event.envelope.occurred_at,
            "log_offset": origin.offset,
        }
        self._rows.setdefault((account, event.execution_id), row)

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        return {"legacy_executions": self._rows}
