"""What tests are made of: a recommendation, an author, a context, a market, an account.

Each builder gives the plainest thing that works; a test names only what it is about.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from immutables import Map

from accounts.decide import DecisionContext
from accounts.evolve import fold
from accounts.state import AccountState
from events import roles
from events.account import (
    AccountHalted,
    AccountOpened,
    AccountReduced,
    AccountResumed,
    AdjustmentKind,
    PositionAdjusted,
)
from events.author import Author
from events.catalog import LogEvent
from events.decision import (
    MarketSeen,
    OffsetsSeen,
    RecommendationDeclined,
    RecommendationFailed,
    Stage,
)
from events.envelope import Envelope, Origin
from events.identifiers import AccountName, RecommendationId, account_name
from events.order import ExecutionMode
from events.recommendation import (
    Action,
    InstrumentType,
    OptionQuote,
    RecommendationIssued,
    StrategyType,
)
from events.topics import RECOMMENDATIONS

NOW: Final = datetime(2022, 3, 16, 15, 0, tzinfo=UTC)
"""A Wednesday, 11:00 in New York: the exchange is open, every entry is still allowed."""
RUN: Final = UUID("11111111-1111-4111-8111-111111111111")
ACCOUNT: Final = account_name("large-100k")
OPTION_SYMBOL: Final = "MSFT220414C00300000"


def these(*values: object) -> tuple[object, ...]:
    """Return `values` to compare at once; maps as dicts, which equal dicts."""
    return tuple(dict(value) if isinstance(value, Map) else value for value in values)


def a_recommendation(
    **changes: Any,  # noqa: ANN401 -- any field of the event
) -> RecommendationIssued:
    """Return advice to buy MSFT at $100 with a stop at $95, issued at `NOW`."""
    plain = RecommendationIssued(
        recommendation_id=1,
        run_id=RUN,
        ticker="MSFT",
        action=Action.BUY,
        instrument_type=InstrumentType.STOCK,
        strategy_type=StrategyType.SWING_TRADE,
        confidence=Decimal("0.8"),
        issued_at=NOW,
        bar_at=NOW,
        features_at=NOW,
        reference_price=Decimal(100),
        recent_volatility=Decimal("0.02"),
        vix=Decimal(20),
        stop=Decimal(95),
        reason="momentum",
    )
    return replace(plain, **changes)


def an_option(
    **changes: Any,  # noqa: ANN401 -- any field of the quote
) -> OptionQuote:
    """Return the quote of a call on MSFT around $5."""
    plain = OptionQuote(
        symbol=OPTION_SYMBOL,
        strike=Decimal(300),
        expiry=datetime(2022, 4, 14, tzinfo=UTC).date(),
        bid=Decimal("4.90"),
        ask=Decimal("5.10"),
        volume=1_000,
        open_interest=1_000,
    )
    return replace(plain, **changes)


def a_call(
    **changes: Any,  # noqa: ANN401 -- any field of the event
) -> RecommendationIssued:
    """Return advice to buy the call of `an_option`."""
    given = {"instrument_type": InstrumentType.CALL, "option": an_option(), "stop": None}
    return a_recommendation(**(given | changes))


def a_market(price: str | Decimal | int = 100, **changes: Any) -> MarketSeen:  # noqa: ANN401 -- any field
    """Return a market that trades at `price` US dollars."""
    plain = MarketSeen(source="test", observed_at=NOW, reference_price=Decimal(price))
    return replace(plain, **changes)


def an_author(name: AccountName = ACCOUNT) -> Author:
    """Return the author of a test's run."""
    return Author(account=name, run_id=RUN, config_hash="config", build="build")


def a_context(
    *,
    offset: int = 0,
    **changes: Any,  # noqa: ANN401 -- any field of the context
) -> DecisionContext:
    """Return a context at `NOW` for the recommendation at `offset`."""
    plain = DecisionContext(
        author=an_author(),
        now=NOW,
        source=Origin(topic=RECOMMENDATIONS.name, partition=0, offset=offset),
        seen=OffsetsSeen(log=1, recommendations=offset),
        execution_mode=ExecutionMode.SIMULATED,
        answer_within_ms=13_000,
    )
    return replace(plain, **changes)


def an_opening(starting_cash: Decimal | int = 100_000, by: Author | None = None) -> AccountOpened:
    """Return the first event of a log."""
    author = by or an_author()
    return AccountOpened(
        envelope=author.about("account", roles.OPENED, occurred_at=NOW - timedelta(days=1)),
        mode=ExecutionMode.SIMULATED,
        broker_account_number="SIM-1",
        starting_cash=Decimal(starting_cash),
        start_from="earliest",
        first_offset=0,
    )


def an_account(
    *events: LogEvent,
    starting_cash: Decimal | int = 100_000,
    opening: AccountOpened | None = None,
) -> AccountState:
    """Return an account opened by `opening`, or with starting cash, and `events` folded in."""
    return fold([opening or an_opening(starting_cash), *events])


def a_decline(recommendation_id: int = 1, ticker: str = "MSFT") -> RecommendationDeclined:
    """Return a decline for no particular gate."""
    return RecommendationDeclined(
        envelope=an_author().about_recommendation(
            RecommendationId(recommendation_id),
            roles.DECISION,
            occurred_at=NOW,
            source=Origin(topic=RECOMMENDATIONS.name, partition=0, offset=recommendation_id),
        ),
        ticker=ticker,
        action=Action.BUY,
        instrument_type=InstrumentType.STOCK,
        strategy_type=StrategyType.SWING_TRADE,
        declined_by=("confidence",),
        gates=(),
        market=a_market(),
        seen=OffsetsSeen(log=1, recommendations=recommendation_id),
    )


def a_failure(recommendation_id: int = 1, ticker: str = "MSFT") -> RecommendationFailed:
    """Return the failure of a recommendation, before an order or after."""
    return RecommendationFailed(
        envelope=an_author().about_recommendation(
            RecommendationId(recommendation_id), roles.FAILED, occurred_at=NOW
        ),
        ticker=ticker,
        action=Action.BUY,
        instrument_type=InstrumentType.STOCK,
        error="ValueError: broken",
        stage=Stage.SETTLE,
    )


def a_halt(number: int = 1, reason: str = "lunch") -> AccountHalted:
    """Return the `number`-th change of the trading status: a halt."""
    return AccountHalted(envelope=_change(number), by="an operator", reason=reason)


def a_reduction(number: int = 1) -> AccountReduced:
    """Return the `number`-th change of the trading status: only closing orders from here on."""
    return AccountReduced(envelope=_change(number), by="an operator", reason="a storm is coming")


def a_resumption(number: int = 2) -> AccountResumed:
    """Return the `number`-th change of the trading status: trading goes on."""
    return AccountResumed(envelope=_change(number), by="an operator", reason="all is well")


def an_adjustment(
    change: Decimal | int,
    price: Decimal | int = 0,
    *,
    kind: AdjustmentKind = AdjustmentKind.OUTSIDE_TRADE,
    activity: str = "1",
    **changes: Any,  # noqa: ANN401 -- any field of the event
) -> PositionAdjusted:
    """Return that MSFT changed by `change` shares at `price` without an order."""
    plain = PositionAdjusted(
        envelope=an_author().about(
            f"activity:{activity}", roles.adjusted(kind.lower()), occurred_at=NOW
        ),
        kind=kind,
        ticker="MSFT",
        symbol="MSFT",
        instrument_type=InstrumentType.STOCK,
        multiplier=1,
        quantity_change=Decimal(change),
        price=Decimal(price),
        fees=Decimal(0),
    )
    return replace(plain, **changes)


def _change(number: int) -> Envelope:
    return an_author().about(
        f"run:{RUN}", roles.halt(number), occurred_at=NOW + timedelta(seconds=number)
    )
