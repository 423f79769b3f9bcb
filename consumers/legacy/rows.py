"""A row of the replaced service's ledger, read and judged. Pure: nothing is guessed or rounded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final
from uuid import UUID

from events.recommendation import Action, InstrumentType
from events.topics import RECORD_BYTES_MAX
from events.values import MONEY_SCALE, PRECISION, QUANTITY_SCALE

ROW_BYTES_MAX: Final = RECORD_BYTES_MAX - 64 * 1024
"""What a row may take, so that the event around it is still a record that Kafka takes."""

TEXT_LENGTH_MAX: Final = 200
_BIGINT_MAX: Final = 2**63 - 1
_EXACT: Final = Context(prec=PRECISION, traps=[Inexact, InvalidOperation])
BLANK: Final = " \t\n\r\v\f"
"""A name of nothing else is nobody's."""
_KINDS: Final = {one.value: one for one in InstrumentType if one is not InstrumentType.UNKNOWN}
_SIDES: Final = {one.value: one for one in Action if one is not Action.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRow:
    """What identifies a row and decides where it goes, as far as it can be read at all.

    `account` is None where the row names none (null, blank, or no such column).
    """

    execution_id: str | None
    recommendation_id: str | None
    account: str | None
    mode: str | None
    at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldExecution:
    """A row that can be imported: the data of a `LegacyExecutionImported`.

    Prices are US dollars, `quantity` is shares or contracts; `row` is JSON.
    """

    execution_id: UUID
    legacy_account_name: str | None
    legacy_recommendation_id: int | None
    ticker: str
    action: str
    instrument_type: InstrumentType
    side: Action
    decision_ts: datetime | None
    simulated_ts: datetime | None
    entry_price: Decimal
    quantity: Decimal
    notional: Decimal
    execution_mode: str
    row: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A row, and either the execution it is or every fault that keeps it out, in words."""

    row: OldRow
    execution: OldExecution | None
    faults: tuple[str, ...] = ()


def judged(execution: str, recommendation: str | None) -> Judged:
    """Read a row of `dispatch_executions`, and its row of `dispatch_recommendations` if any.

    Both are JSON as PostgreSQL's ``row_to_json`` writes it, with times in UTC.
    """
    told = _loaded(execution)
    reader = _Reader(told, {} if recommendation is None else _loaded(recommendation))
    row = OldRow(
        execution_id=reader.as_told("execution_id"),
        recommendation_id=reader.as_told("recommendation_id"),
        account=_named(told.get("account_name")),
        mode=reader.as_told("execution_mode"),
        at=reader.as_told("simulated_ts"),
    )
    whole = f'{{"execution":{execution},"recommendation":{recommendation or "null"}}}'
    found = reader.execution(row.account, whole)
    return Judged(row, None if reader.faults else found, tuple(reader.faults))


def _loaded(text: str) -> dict[str, Any]:
    # Decimal: a NUMERIC has digits that no float has, and more than Python reads as an int.
    loaded: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return loaded


def _named(value: object) -> str | None:
    return str(value) if value is not None and str(value).strip(BLANK) else None


class _Reader:
    """Reads one value after the other and writes down what is wrong with it."""

    def __init__(self, told: Mapping[str, Any], recommended: Mapping[str, Any]) -> None:
        self._told = told
        self._recommended = recommended
        self.faults: list[str] = []

    def execution(self, account: str | None, row: str) -> OldExecution:
        if account is not None and len(account) > TEXT_LENGTH_MAX:
            self.faults.append(f"account_name has {len(account)} characters")
        if (size := len(row.encode())) > ROW_BYTES_MAX:
            self.faults.append(f"the row has {size} bytes, at most {ROW_BYTES_MAX} can be imported")
        action = self._text("action")
        return OldExecution(
            execution_id=self._uuid("execution_id"),
            legacy_account_name=account,
            legacy_recommendation_id=self._number("recommendation_id"),
            ticker=self._text("ticker"),
            action=action,
            instrument_type=self._kind(action),
            side=self._side(action),
            decision_ts=self._moment("decision_ts"),
            simulated_ts=self._moment("simulated_ts"),
            entry_price=self._decimal("entry_price", MONEY_SCALE),
            quantity=self._decimal("qty", QUANTITY_SCALE),
            notional=self._decimal("notional", MONEY_SCALE),
            execution_mode=self._text("execution_mode"),
            row=row,
        )

    def as_told(self, name: str) -> str | None:
        value = self._told.get(name)
        return None if value is None else str(value)[:TEXT_LENGTH_MAX]

    def _fault(self, name: str, what: str) -> None:
        self.faults.append(f"{name} {what}")

    def _text(self, name: str) -> str:
        value = self.as_told(name)
        if value is None or not value.strip():
            self._fault(name, "is null" if value is None else "is blank")
            return ""
        if len(str(self._told[name])) > TEXT_LENGTH_MAX:
            self._fault(name, f"has more than {TEXT_LENGTH_MAX} characters")
        return value

    def _uuid(self, name: str) -> UUID:
        try:
            return UUID(str(self._told.get(name)))
        except ValueError:
            self._fault(name, f"{self.as_told(name)} is no UUID")
            return UUID(int=0)

    def _number(self, name: str) -> int | None:
        value = self._told.get(name)
        if value is None:
            return None
        if not isinstance(value, Decimal) or abs(value) > _BIGINT_MAX or value != int(value):
            self._fault(name, f"{self.as_told(name)} is no 64-bit number")
            return None
        return int(value)

    def _decimal(self, name: str, scale: int) -> Decimal:
        value = self._told.get(name)
        if value is None:
            self._fault(name, "is null")
            return Decimal(0)
        if not isinstance(value, Decimal):  # NaN and infinities are text in JSON
            self._fault(name, f"is {self.as_told(name)}, not a number")
            return Decimal(0)
        if value < 0:
            self._fault(name, f"{self.as_told(name)} is negative")
        try:
            return value.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
        except (Inexact, InvalidOperation):
            self._fault(
                name,
                f"{self.as_told(name)} does not fit {PRECISION} digits, {scale} of them decimals",
            )
            return Decimal(0)

    def _moment(self, name: str) -> datetime | None:
        value = self.as_told(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self._fault(name, f"{value} is no time with a zone between the years 1 and 9999")
        return None

    def _kind(self, action: str) -> InstrumentType:
        """Return what the row says it traded, else the recommendation, else the action's name."""
        for source in (self._told, self._recommended):
            value = source.get("instrument_type")
            if value is not None:
                break
        else:
            value = action.rpartition("_")[2]
        if (kind := _KINDS.get(str(value))) is None:
            self._fault("instrument_type", f"{str(value)[:40]!r} is none of STOCK, CALL and PUT")
        return kind or InstrumentType.UNKNOWN

    def _side(self, action: str) -> Action:
        """Return what the action's name says, else the recommendation's action."""
        said = _SIDES.get(action.partition("_")[0])
        side = said or _SIDES.get(str(self._recommended.get("action")))
        if side is None:
            self._fault("action", f"{action[:40]!r} says neither BUY nor SELL")
        return side or Action.UNKNOWN
