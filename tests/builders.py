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
from events.identifiers import AccountName, Leg, RecommendationId, account_name, client_order_id
from events.order import (
    ExecutionMode,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    OrderTerms,
    OrderType,
    RejectionClass,
    Side,
)
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


def an_intent(  # noqa: PLR0913 -- what an order is made of
    recommendation_id: int = 1,
    ticker: str = "MSFT",
    *,
    side: Side = Side.BUY,
    quantity: Decimal | int | str = 10,
    price: Decimal | int | str = 100,
    closes: bool = False,
    at: datetime = NOW,
    option: OptionQuote | None = None,
) -> OrderIntended:
    """Return an intent to trade at `price`, a dollar more at worst; of `option` if given."""
    worst = Decimal(price) + 1
    multiplier = 1 if option is None else 100
    kind = InstrumentType.STOCK if option is None else InstrumentType.CALL
    identifier = RecommendationId(recommendation_id)
    author = an_author()
    return OrderIntended(
        envelope=author.about_recommendation(
            identifier,
            roles.DECISION,
            occurred_at=at,
            source=Origin(topic=RECOMMENDATIONS.name, partition=0, offset=recommendation_id),
        ),
        terms=OrderTerms(
            client_order_id=client_order_id(author.account, identifier, Leg.ENTRY),
            ticker=ticker,
            symbol=ticker if option is None else option.symbol,
            instrument_type=kind,
            multiplier=multiplier,
            action=Action(side.value),
            side=side,
            closes_position=closes,
            quantity=Decimal(quantity),
            order_type=OrderType.LIMIT,
            reference_price=Decimal(price),
            limit_price=worst,
            worst_price=worst,
            reserved_notional=Decimal(0) if closes else worst * Decimal(quantity) * multiplier,
        ),
        execution_mode=ExecutionMode.SIMULATED,
        strategy_type=StrategyType.SWING_TRADE,
        confidence=Decimal("0.8"),
        option=option,
        recommendation_run_id=RUN,
        issued_at=at,
        fresh_until=at + timedelta(minutes=5),
        submit_before=at + timedelta(seconds=3),
        answer_within_ms=13_000,
        market=a_market(price),
        gates=(),
        seen=OffsetsSeen(log=1, recommendations=recommendation_id),
        sizing="as the test says",
        reason="momentum",
    )


def a_bracket(
    recommendation_id: int = 1,
    ticker: str = "MSFT",
    *,
    stop: int = 95,
    target: int = 110,
    side: Side = Side.BUY,
) -> OrderIntended:
    """Return an intent to buy 10 at $100 whose stop and target the broker is to hold."""
    plain = an_intent(recommendation_id, ticker, side=side)
    terms = replace(plain.terms, stop_loss=Decimal(stop), take_profit=Decimal(target))
    return replace(plain, terms=terms)


def the_leg(bracket: OrderIntended, leg: Leg) -> OrderIntended:
    """Return a leg of `bracket` as an intent, for builders to tell of: none stands in a log."""
    [own] = [one for one in fold([bracket]).orders.values() if one.leg is leg]
    author = an_author(AccountName(bracket.envelope.account_name))
    envelope = author.about_recommendation(
        own.recommendation_id, roles.DECISION, leg=leg, occurred_at=bracket.envelope.occurred_at
    )
    return replace(bracket, envelope=envelope, terms=own.terms)


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


def an_unknown_outcome(intent: OrderIntended, attempt: int = 1) -> OrderOutcomeUnknown:
    """Return that nobody knows what became of POST number `attempt`."""
    return OrderOutcomeUnknown(
        envelope=about(intent, roles.outcome_unknown(attempt)),
        client_order_id=intent.terms.client_order_id,
        attempt=attempt,
        how="ReadTimeout: no answer in 10 s",
    )


def a_resend(intent: OrderIntended, attempt: int = 2) -> OrderResent:
    """Return that the order of `intent` goes out again, as POST number `attempt`."""
    envelope = about(intent, roles.attempt(attempt))
    return OrderResent(
        envelope=envelope,
        client_order_id=intent.terms.client_order_id,
        attempt=attempt,
        submit_before=envelope.occurred_at + timedelta(seconds=3),
        answer_within_ms=13_000,
        reason="absent",
    )


def an_expiry(intent: OrderIntended, cumulative: Decimal | int = 0) -> OrderExpired:
    """Return the broker's word that the time in force of the order of `intent` ran out."""
    return OrderExpired(
        envelope=about(intent, roles.EXPIRED),
        client_order_id=intent.terms.client_order_id,
        broker_order_id=broker_order_id(intent),
        cumulative_quantity=Decimal(cumulative),
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


def an_acceptance(intent: OrderIntended, *, adopted: bool = False) -> OrderAccepted:
    """Return the broker's word that it has the order of `intent`."""
    return OrderAccepted(
        envelope=about(intent, roles.ACCEPTED),
        client_order_id=intent.terms.client_order_id,
        broker_order_id=broker_order_id(intent),
        adopted=adopted,
    )


def a_rejection(intent: OrderIntended) -> OrderRejected:
    """Return the broker's refusal of the order of `intent`."""
    return OrderRejected(
        envelope=about(intent, roles.REJECTED),
        client_order_id=intent.terms.client_order_id,
        status=403,
        rejection_class=RejectionClass.BUYING_POWER,
        message="insufficient buying power",
    )


def a_fill(
    intent: OrderIntended,
    cumulative: Decimal | int | None = None,
    price: Decimal | int | str | None = None,
    *,
    before: OrderFilled | None = None,
    fees: Decimal | int | str = 0,
) -> OrderFilled:
    """Return the fill after `before` that brings `intent` to `cumulative`, or to all."""
    terms = intent.terms
    total = terms.quantity if cumulative is None else Decimal(cumulative)
    paid = intent.market.reference_price if price is None else Decimal(price)
    earlier = Decimal(0) if before is None else before.cumulative_quantity
    spent = Decimal(0) if before is None else before.cumulative_notional
    return OrderFilled(
        envelope=about(intent, roles.fill(total)),
        client_order_id=terms.client_order_id,
        broker_order_id=broker_order_id(intent),
        fill_key=f"{total}",
        ticker=terms.ticker,
        symbol=terms.symbol,
        instrument_type=terms.instrument_type,
        multiplier=terms.multiplier,
        side=terms.side,
        quantity=total - earlier,
        price=paid,
        cumulative_quantity=total,
        cumulative_notional=spent + paid * (total - earlier),
        fees=Decimal(fees),
        filled_at=intent.envelope.occurred_at,
        fill_model="test",
    )


def a_cancellation(intent: OrderIntended, cumulative: Decimal | int = 0) -> OrderCanceled:
    """Return the broker's word that the order of `intent` is cancelled."""
    return OrderCanceled(
        envelope=about(intent, roles.CANCELED),
        client_order_id=intent.terms.client_order_id,
        broker_order_id=broker_order_id(intent),
        cumulative_quantity=Decimal(cumulative),
    )


def broker_order_id(intent: OrderIntended) -> str:
    """Return the broker's own name for the order of `intent`."""
    return f"broker-{intent.terms.client_order_id}"


def about(intent: OrderIntended, role: str) -> Envelope:
    """Return the envelope of something that happened to the order of `intent`, a second later."""
    envelope = intent.envelope
    return an_author(AccountName(envelope.account_name)).about_recommendation(
        RecommendationId(envelope.recommendation_id or 0),
        role,
        leg=envelope.leg or Leg.ENTRY,
        occurred_at=envelope.occurred_at + timedelta(seconds=1),
        causation_id=str(envelope.event_id),
    )
