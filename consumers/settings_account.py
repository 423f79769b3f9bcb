"""``[accounts.NAME]``: what one account is, its limits, how its dispatcher keeps time."""

from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, get_type_hints

from immutables import Map
from pydantic import AfterValidator, Field, create_model, model_validator

from accounts.limits import LARGE, TINY, Limits
from accounts.special_limits import ask_for_brackets
from consumers.settings_alpaca import AlpacaSettings
from consumers.settings_special import Specials
from consumers.settings_values import Dollars, Flag, StartFrom, Table, Text, Whole, strict
from events.account import CostBasis
from events.identifiers import AccountName, account_name
from events.order import ExecutionMode

_PRESETS: Final[dict[str, Limits]] = {"large": LARGE, "tiny": TINY}


class SimulationSettings(Table):
    """How the simulated broker fills: slippage in basis points, fee in US dollars per order.

    With `resting_orders` what does not fill at once works until it is cancelled, and nothing fills
    at once but the first part of `partial_fills`.
    """

    slippage_bps: Annotated[Whole, Field(ge=0, le=10_000)] = 5
    fee_per_order: Annotated[Dollars, Field(ge=0)] = Decimal(0)
    partial_fills: Flag = False
    resting_orders: Flag = False


class TuningSettings(Table):
    """Time limits and batch sizes of one dispatcher.

    `submit_window_ms` must end before a standby may take the seat (`session_timeout_ms`);
    `answer_within_ms` is that window plus the total deadline of one HTTP request. A snapshot is
    written after so many events of the log, at most once in `snapshot_pause_ms`. Every
    `reconcile_interval_ms` our books are held against those of a broker that keeps any.
    """

    submit_window_ms: Annotated[Whole, Field(gt=0)] = 3_000
    answer_within_ms: Annotated[Whole, Field(gt=0)] = 13_000
    session_timeout_ms: Annotated[Whole, Field(ge=1_000, le=10_000)] = 6_000
    transaction_timeout_ms: Annotated[Whole, Field(ge=1_000, le=60_000)] = 10_000
    poll_timeout_ms: Annotated[Whole, Field(gt=0, le=5_000)] = 50
    drain_timeout_ms: Annotated[Whole, Field(gt=0)] = 10_000
    max_batch: Annotated[Whole, Field(gt=0, le=10_000)] = 500
    max_unsubmitted: Annotated[Whole, Field(gt=0, le=16)] = 16
    snapshot_every_events: Annotated[Whole, Field(gt=0)] = 10_000
    snapshot_pause_ms: Annotated[Whole, Field(ge=0)] = 30_000
    reconcile_interval_ms: Annotated[Whole, Field(ge=100)] = 60_000

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.submit_window_ms >= self.session_timeout_ms:
            raise ValueError("submit_window_ms must be less than session_timeout_ms")
        if self.answer_within_ms <= self.submit_window_ms:
            raise ValueError("answer_within_ms must be more than submit_window_ms")
        return self


if TYPE_CHECKING:

    class LimitOverrides(Table):
        """Any of the fields of `Limits`; made below from the fields themselves."""

else:
    _HINTS = get_type_hints(Limits)
    LimitOverrides = create_model(
        "LimitOverrides",
        __base__=Table,
        **{
            field.name: (Specials if field.name == "special" else strict(_HINTS[field.name]), None)
            for field in fields(Limits)
        },
    )


def overridden(limits: Limits, given: LimitOverrides) -> Limits:
    """Return `limits` with what is given in their place; a map is overridden key by key.

    Raises:
        ValueError: The result makes no sense; see `Limits`.
    """
    changes = {name: getattr(given, name) for name in given.model_fields_set}
    for name, value in changes.items():
        if isinstance(value, Map):
            changes[name] = getattr(limits, name).update(value)
    return replace(limits, **changes)


class AccountSettings(Table):
    """One account: what it is, where its story starts, its limits, how it is simulated."""

    name: Annotated[Text, AfterValidator(account_name)]
    mode: Literal[ExecutionMode.SIMULATED, ExecutionMode.ALPACA_PAPER]
    preset: Literal["large", "tiny"]
    start_from: StartFrom
    starting_cash: Annotated[Dollars, Field(gt=0)]
    cost_basis: Literal[CostBasis.AVERAGE, CostBasis.FIFO] = CostBasis.AVERAGE
    clock: Literal["system", "historical"] = "system"
    broker_account_number: Text = ""
    ledger: Annotated[Path, Field(strict=False)] | None = None
    limit_overrides: LimitOverrides = Field(default_factory=LimitOverrides, alias="limits")
    simulation: SimulationSettings = SimulationSettings()
    alpaca: AlpacaSettings | None = None
    tuning: TuningSettings = TuningSettings()

    @property
    def account(self) -> AccountName:
        """The account's name, as the type that the log goes by."""
        return AccountName(self.name)

    @property
    def start_from_text(self) -> str:
        """`start_from` as text: ``latest``, ``earliest`` or an ISO time."""
        if isinstance(self.start_from, datetime):
            return self.start_from.isoformat()
        return self.start_from

    def limits(self) -> Limits:
        """Return the preset with this account's overrides; a map is overridden key by key."""
        return overridden(_PRESETS[self.preset], self.limit_overrides)

    @model_validator(mode="before")
    @classmethod
    def _own_account_number(cls, table: dict[str, Any]) -> dict[str, Any]:
        if table.get("mode") != ExecutionMode.SIMULATED:
            return table
        return {"broker_account_number": f"sim-{table.get('name')}", **table}

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.clock == "historical" and self.mode is not ExecutionMode.SIMULATED:
            raise ValueError('clock = "historical" is possible only with mode = "SIMULATED"')
        if self.mode is ExecutionMode.ALPACA_PAPER:
            self._is_at_alpaca()
        elif self.alpaca is not None:
            raise ValueError('an alpaca table needs mode = "ALPACA_PAPER"')
        if self.mode is ExecutionMode.SIMULATED and ask_for_brackets(self.limits()):
            raise ValueError(
                'limits.brackets needs mode = "ALPACA_PAPER": the simulated broker sees no market '
                "after an order, so it can hold neither a stop nor a target"
            )
        self.limits()  # its own rules speak here, not at the first decision
        return self

    def _is_at_alpaca(self) -> None:
        if self.alpaca is None:
            raise ValueError('mode = "ALPACA_PAPER" needs an alpaca table with the account\'s keys')
        if not self.broker_account_number:
            raise ValueError(
                "broker_account_number is missing: the broker's own number of the account, such "
                "as PA3XXXXXXXXX, so that swapped keys are noticed before an order goes out"
            )
        least_ms = self.tuning.submit_window_ms + self.alpaca.http_deadline_ms
        if self.tuning.answer_within_ms < least_ms:
            raise ValueError(
                f"tuning.answer_within_ms must be at least {least_ms}: tuning.submit_window_ms "
                "plus alpaca.http_deadline_ms"
            )
