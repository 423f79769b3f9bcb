"""The life of an account: opened, run, halted, adjusted, reconciled."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.envelope import Envelope
from events.order import ExecutionMode
from events.recommendation import Action, InstrumentType
from events.values import Money, Quantity


class CostBasis(StrEnum):
    """Which shares a sale gives away: a share of all of them, or those bought first."""

    UNKNOWN = "UNKNOWN"
    AVERAGE = "AVERAGE"
    FIFO = "FIFO"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened:
    """The first event of every log: what this account is, for ever.

    `first_offset` is where in `recommendations` its story begins, resolved from `start_from`
    (``latest``, ``earliest`` or a time) when it was opened. `cost_basis` is how its realised P&L
    is reckoned.
    """

    envelope: Envelope
    mode: ExecutionMode
    broker_account_number: str
    starting_cash: Money
    start_from: str
    first_offset: int
    cost_basis: CostBasis = CostBasis.AVERAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherStarted:
    """A dispatcher took the seat. `limits` is the configuration it decides under, as JSON."""

    envelope: Envelope
    host: str
    process_id: int
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherStopped:
    """A dispatcher gave the seat up in good order, with the counts of its run."""

    envelope: Envelope
    reason: str
    started_at: datetime
    recommendations_read: int
    intended: int
    declined: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHalted:
    """No new orders from here on. `in_flight` names the POSTs that had started before.

    With `cancel_open` every order that is open, or turns out to be, is cancelled as well.
    """

    envelope: Envelope
    by: str
    reason: str
    in_flight: tuple[str, ...] = ()
    cancel_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReduced:
    """Only orders that reduce risk from here on."""

    envelope: Envelope
    by: str
    reason: str
    in_flight: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResumed:
    """Trading goes on."""

    envelope: Envelope
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRefused:
    """An operator's wish was not carried out: expired, without effect, or malformed."""

    envelope: Envelope
    command_id: str
    reason: str


class AdjustmentKind(StrEnum):
    """Why a position changed without an order of ours."""

    UNKNOWN = "UNKNOWN"
    EXPIRY = "EXPIRY"
    ASSIGNMENT = "ASSIGNMENT"
    EXERCISE = "EXERCISE"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    OUTSIDE_TRADE = "OUTSIDE_TRADE"
    LATE_FILL = "LATE_FILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdjusted:
    """A holding changed for another reason than an order of ours.

    `quantity_change` is signed; `price` in US dollars per share is what the change is booked at.
    """

    envelope: Envelope
    kind: AdjustmentKind
    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    quantity_change: Quantity
    price: Money
    fees: Money
    broker_activity_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReconciled:
    """Our books were held against the broker's; each difference is one line of text.

    The broker's figures are US dollars, None where it does not keep any; `broker_last_equity` is
    its equity at the close of the trading day before.
    """

    envelope: Envelope
    differences: tuple[str, ...] = ()
    broker_cash: Money | None = None
    broker_equity: Money | None = None
    broker_last_equity: Money | None = None
    broker_buying_power: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRecorded:
    """Something that must not happen happened; a person has to look."""

    envelope: Envelope
    kind: str
    message: str
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyExecutionImported:
    """One row of the replaced service's ledger. It changes no state of the account.

    It occurred when it was imported: `decision_ts` and `simulated_ts` are the old ledger's times,
    `legacy_recommendation_id` counts in the old service's own numbers. `row` is the whole row, and
    that of the recommendation behind it, as JSON.
    """

    envelope: Envelope
    execution_id: UUID
    legacy_account_name: str | None = None
    legacy_recommendation_id: int | None = None
    ticker: str
    action: str
    instrument_type: InstrumentType
    side: Action
    decision_ts: datetime | None = None
    simulated_ts: datetime | None = None
    entry_price: Money
    quantity: Quantity
    notional: Money
    execution_mode: str
    row: str
