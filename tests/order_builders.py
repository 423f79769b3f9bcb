"""What an order's life is made of, for tests: an intent, and everything that may follow from it.

As in `tests.builders`, each is the plainest thing that works.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.evolve import fold
from events import roles
from events.decision import OffsetsSeen
from events.envelope import Envelope, Origin
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
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
from events.recommendation import Action, InstrumentType, OptionQuote, StrategyType
from events.topics import RECOMMENDATIONS
from tests.builders import NOW, RUN, a_market, an_author


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
