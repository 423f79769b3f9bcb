"""The life of an order, from our intent to its last fill."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.decision import GateResult, MarketSeen, OffsetsSeen
from events.envelope import Envelope
from events.recommendation import Action, InstrumentType, OptionQuote, StrategyType
from events.values import Money, Quantity


class Side(StrEnum):
    """The side of an order."""

    UNKNOWN = "UNKNOWN"
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """How an order names its price."""

    UNKNOWN = "UNKNOWN"
    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    """How long an order works: until the day's close, or until it is cancelled."""

    UNKNOWN = "UNKNOWN"
    DAY = "DAY"
    GTC = "GTC"


class ExecutionMode(StrEnum):
    """Where orders go. Simulation is a mode of its own, never a fallback."""

    UNKNOWN = "UNKNOWN"
    SIMULATED = "SIMULATED"
    ALPACA_PAPER = "ALPACA_PAPER"


class RejectionClass(StrEnum):
    """Why the broker refused an order, by what an operator would do about it."""

    UNKNOWN = "UNKNOWN"
    BUYING_POWER = "BUYING_POWER"
    QUANTITY_HELD = "QUANTITY_HELD"
    NOT_TRADABLE = "NOT_TRADABLE"
    NOT_FRACTIONABLE = "NOT_FRACTIONABLE"
    OPTIONS_LEVEL = "OPTIONS_LEVEL"
    WASH_TRADE = "WASH_TRADE"
    MARKET_CLOSED = "MARKET_CLOSED"
    EXPIRY = "EXPIRY"
    VALIDATION = "VALIDATION"
    CREDENTIALS = "CREDENTIALS"
    OTHER = "OTHER"
    PATTERN_DAY_TRADING = "PATTERN_DAY_TRADING"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """What is ordered. Prices are US dollars per share; a contract is `multiplier` shares.

    `reference_price` is the market's price that the decision saw (`MarketSeen.reference_price`);
    `worst_price` bounds what a fill can cost; `reserved_notional` is what the order holds of the
    account's exposure until its end (0 where it closes a position). With `take_profit` and
    `stop_loss` it is a bracket: once it is filled the broker closes the position at the one (a
    limit) or the other (a stop), whichever the market reaches first. With `extended_hours` it works
    before the open and after the close, too.
    """

    client_order_id: str
    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    action: Action
    side: Side
    closes_position: bool
    quantity: Quantity
    order_type: OrderType
    reference_price: Money
    limit_price: Money | None = None
    worst_price: Money
    reserved_notional: Money
    take_profit: Money | None = None
    stop_loss: Money | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended:
    """We will place this order. It is durable before the first byte goes to the broker.

    `submit_before` closes the window of the first POST; `answer_within_ms` is that window plus
    the total HTTP deadline; `fresh_until` is when the recommendation grows too old to send at all.
    `exits` says where stop and target went: to the broker, as orders of this one, or nowhere.
    """

    envelope: Envelope
    terms: OrderTerms
    execution_mode: ExecutionMode
    strategy_type: StrategyType
    confidence: Quantity
    stop: Money | None = None
    target: Money | None = None
    max_hold_minutes: int | None = None
    option: OptionQuote | None = None
    recommendation_run_id: UUID
    issued_at: datetime
    fresh_until: datetime
    submit_before: datetime
    answer_within_ms: int
    market: MarketSeen
    gates: tuple[GateResult, ...]
    seen: OffsetsSeen
    sizing: str
    reason: str
    features_snapshot: str | None = None
    exits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResent:
    """The same order is POSTed again under the same client order id: attempt 2, 3 and so on."""

    envelope: Envelope
    client_order_id: str
    attempt: int
    submit_before: datetime
    answer_within_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The broker has the order. `adopted` where a look-up, not the POST's answer, told us."""

    envelope: Envelope
    client_order_id: str
    broker_order_id: str
    adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The broker refused the order; `status` and `code` are its own, `message` its words."""

    envelope: Envelope
    client_order_id: str
    status: int | None = None
    code: int | None = None
    rejection_class: RejectionClass
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOutcomeUnknown:
    """The broker may or may not have the order: a state that gets resolved, never an end."""

    envelope: Envelope
    client_order_id: str
    attempt: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """One trade against an order.

    `fill_key` is the order's cumulative quantity after the fill; `cumulative_notional` the sum of
    price x quantity so far (without multiplier and fees), so that the average entry price needs
    no other record. A fill not above what the fold has seen is ignored.
    """

    envelope: Envelope
    client_order_id: str
    broker_order_id: str
    fill_key: str
    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    side: Side
    quantity: Quantity
    price: Money
    cumulative_quantity: Quantity
    cumulative_notional: Money
    fees: Money
    filled_at: datetime
    fill_model: str
    slippage_bps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled:
    """The order was cancelled; what had filled before stays filled."""

    envelope: Envelope
    client_order_id: str
    broker_order_id: str
    cumulative_quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired:
    """The order's time in force ran out; what had filled before stays filled."""

    envelope: Envelope
    client_order_id: str
    broker_order_id: str
    cumulative_quantity: Quantity
