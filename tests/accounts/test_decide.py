"""The decision as a whole: what comes out, what it carries, and when nothing comes."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from immutables import Map

from accounts.again import decided_again
from accounts.decide import DecisionContext, decide, error_text, failure, failure_of_order
from accounts.evolve import evolve
from accounts.gates import GATES
from accounts.limits import GATE_NAMES, LARGE, Limits
from accounts.state import OrderStatus
from events import roles
from events.decision import RecommendationDeclined, Stage, Verdict
from events.identifiers import Leg, event_id
from events.order import OrderIntended, OrderType, Side
from events.recommendation import Action, StrategyType
from tests.accounts.asking import HOLDING, SELL
from tests.builders import (
    ACCOUNT,
    NOW,
    OPTION_SYMBOL,
    a_call,
    a_context,
    a_decline,
    a_halt,
    a_market,
    a_recommendation,
    an_account,
    an_author,
    these,
)
from tests.order_builders import an_intent


def intend(**changes: object) -> OrderIntended:
    answer = decide(
        an_account(), a_recommendation(**changes), a_market(), LARGE, a_context(offset=7)
    )
    assert isinstance(answer, OrderIntended)
    return answer


def test_a_good_recommendation_becomes_an_intent_that_can_be_sent_as_it_is() -> None:
    intent = intend(recommendation_id=42)

    terms = intent.terms
    assert terms.client_order_id == f"{ACCOUNT}-42-entry"
    assert (terms.side, terms.order_type, terms.closes_position) == (
        Side.BUY,
        OrderType.LIMIT,
        False,
    )
    assert these(terms.quantity, terms.limit_price, terms.worst_price) == (24, 101, 101)
    assert these(terms.reserved_notional, terms.reference_price) == (24 * 101, 100)


def test_an_intent_says_until_when_it_may_be_sent() -> None:
    intent = intend(issued_at=NOW - timedelta(seconds=10))

    assert intent.submit_before == NOW + timedelta(seconds=3)
    assert intent.fresh_until == NOW + timedelta(seconds=290)
    assert intent.answer_within_ms == 13_000


def test_an_intent_is_not_sent_after_the_session_for_which_it_was_decided() -> None:
    def at(now: datetime, limits: Limits) -> tuple[datetime, datetime]:
        advice = a_recommendation(
            issued_at=now, bar_at=now, features_at=now, strategy_type=StrategyType.SWING_TRADE
        )
        answer = decide(an_account(), advice, a_market(), limits, a_context(now=now))
        assert isinstance(answer, OrderIntended)
        return answer.submit_before, answer.fresh_until

    close, second = NOW + timedelta(hours=5), timedelta(seconds=1)
    to_the_end = replace(LARGE, entry_cutoff=Map())
    around = replace(to_the_end, extended_hours=frozenset({"swing_trade"}))
    at_all_hours = replace(to_the_end, disabled_gates=frozenset({"trading_hours"}))

    assert at(close - 2 * second, to_the_end) == (close, close)
    assert at(close - 2 * second, around) == (close + second, close + 298 * second)
    late = close + timedelta(hours=4)
    assert at(late - 2 * second, around) == (late, late)
    assert at(close - 2 * second, at_all_hours) == (close + second, close + 298 * second)


def test_a_decision_right_before_the_close_is_taken_again_as_it_was() -> None:
    now = NOW + timedelta(hours=5) - timedelta(microseconds=1_123_456)
    advice = a_recommendation(issued_at=now, bar_at=now, features_at=now)
    limits = replace(LARGE, entry_cutoff=Map())
    decision = decide(an_account(), advice, a_market(), limits, a_context(now=now))

    assert isinstance(decision, OrderIntended)
    assert decided_again(decision, an_account(), advice, limits) == decision


def test_an_intent_explains_itself() -> None:
    intent = intend(recommendation_id=42)

    assert tuple(result.gate for result in intent.gates) == GATE_NAMES
    assert intent.envelope.event_id == event_id(
        ACCOUNT, "recommendation:42", Leg.ENTRY, roles.DECISION
    )
    assert intent.envelope.source is not None
    assert these(intent.envelope.source.offset, intent.seen.recommendations) == (7, 7)
    assert intent.envelope.config_hash == "config"
    assert intent.sizing == intent.gates[GATE_NAMES.index("order_size")].reason


def test_every_gate_is_asked_even_after_one_declined() -> None:
    advice = a_recommendation(confidence=Decimal(0), issued_at=NOW + timedelta(seconds=3))

    answer = decide(an_account(a_halt()), advice, None, LARGE, a_context())

    assert isinstance(answer, RecommendationDeclined)
    assert len(answer.gates) == len(GATES)
    assert answer.declined_by == (
        "account_active",
        "recommendation_freshness",
        "max_notional_exposure",
        "buying_power",
        "confidence",
        "order_size",
        "max_order_notional",
        "price_collar",
    )


def test_a_redelivery_is_answered_with_nothing() -> None:
    for decided in (an_intent(1), a_decline(1)):
        answer = decide(an_account(decided), a_recommendation(), a_market(), LARGE, a_context())
        assert answer is None


def test_the_same_inputs_give_the_same_event() -> None:
    assert intend() == intend()


def test_a_batch_sees_its_earlier_decisions() -> None:
    state = an_account()
    answers = []
    for number, ticker in enumerate(("A", "B", "A", "C", "D", "E", "F"), start=1):
        advice = a_recommendation(recommendation_id=number, ticker=ticker)
        answer = decide(state, advice, a_market(), LARGE, a_context())
        assert answer is not None
        state = evolve(state, answer)
        answers.append(type(answer))

    bought = [n for n, kind in enumerate(answers, start=1) if kind is OrderIntended]
    assert bought == [1, 2, 4, 5, 6]
    assert state.exposure <= LARGE.max_notional_exposure


def test_an_exit_closes_all_that_is_held() -> None:
    answer = decide(an_account(*HOLDING), SELL, a_market(), LARGE, a_context())

    assert isinstance(answer, OrderIntended)
    terms = answer.terms
    assert (terms.side, terms.closes_position) == (Side.SELL, True)
    assert these(terms.quantity, terms.limit_price, terms.reserved_notional) == (10, 97, 0)


def test_an_option_is_ordered_by_its_contract() -> None:
    answer = decide(an_account(), a_call(), a_market(5), LARGE, a_context())

    assert isinstance(answer, OrderIntended)
    terms = answer.terms
    assert (terms.symbol, terms.ticker, terms.multiplier) == (OPTION_SYMBOL, "MSFT", 100)
    assert terms.reserved_notional == terms.quantity * Decimal("5.50") * 100


def test_a_market_order_names_no_limit_but_still_its_worst_price() -> None:
    limits = replace(LARGE, order_type=OrderType.MARKET)

    answer = decide(an_account(), a_recommendation(), a_market(), limits, a_context())

    assert isinstance(answer, OrderIntended)
    assert these(answer.terms.limit_price, answer.terms.worst_price) == (None, 101)


def test_a_gate_is_switched_off_in_words_and_says_what_it_would_have_said() -> None:
    limits = replace(LARGE, disabled_gates=frozenset({"confidence"}))
    unsure = a_recommendation(confidence=Decimal(0))

    answer = decide(an_account(), unsure, a_market(), limits, a_context())

    assert isinstance(answer, OrderIntended)
    result = answer.gates[GATE_NAMES.index("confidence")]
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.reason == (
        "switched off; it would have said DECLINED: not sure enough for STOCK swing_trade"
    )


def test_without_a_market_nothing_goes_out_even_with_the_price_gates_off() -> None:
    off = frozenset({"price_collar", "max_order_notional", "max_notional_exposure", "buying_power"})
    limits = replace(LARGE, disabled_gates=off)

    for state, advice in ((an_account(), a_recommendation()), (an_account(*HOLDING), SELL)):
        answer = decide(state, advice, None, limits, a_context())
        assert isinstance(answer, RecommendationDeclined)
        assert answer.declined_by == ("order_size",)


def test_a_bug_in_a_gate_is_raised_for_the_caller_to_record() -> None:
    naive = replace(a_context(), now=NOW.replace(tzinfo=None))

    with pytest.raises(TypeError):
        decide(an_account(), a_recommendation(), a_market(), LARGE, naive)


def test_a_failure_says_type_and_message_and_ends_the_recommendation() -> None:
    event = failure(a_recommendation(), ValueError("no such thing"), a_context(offset=3))

    assert (event.error, event.stage) == ("ValueError: no such thing", Stage.DECIDE)
    state = an_account(event)
    assert these(state.ends.failed, state.next_recommendation_offset) == (1, 4)
    assert decide(state, a_recommendation(), a_market(), LARGE, a_context()) is None


def test_the_failure_of_an_order_ends_its_intent() -> None:
    intent = an_intent(5)
    [order] = an_account(intent).orders.values()
    assert order.status is OrderStatus.INTENDED

    event = failure_of_order(order, "too old to send", an_author(), NOW, Stage.SUBMIT)

    assert (event.error, event.client_order_id) == ("too old to send", order.client_order_id)
    assert event.envelope.causation_id == str(intent.envelope.event_id)
    state = an_account(intent, event)
    assert these(state.ends.failed, state.exposure, state.incidents) == (1, 0, 0)


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("bid"), "KeyError: 'bid'"),
        (SpeechlessError(), "SpeechlessError: (no message: RuntimeError)"),
        (ValueError("a\0b \ud800"), "ValueError: a\\0b \\ud800"),
    ],
)
def test_whatever_an_error_says_can_be_recorded(error: Exception, text: str) -> None:
    assert error_text(error) == text


def test_an_endless_error_still_fits_a_record() -> None:
    assert len(error_text(ValueError("x" * 10_000_000))) == 4_000


def test_a_context_is_all_a_decision_knows_of_time() -> None:
    later: DecisionContext = replace(a_context(), now=NOW + timedelta(minutes=6))

    answer = decide(an_account(), a_recommendation(), a_market(), LARGE, later)

    assert isinstance(answer, RecommendationDeclined)
    assert answer.declined_by == ("recommendation_freshness",)
    assert answer.envelope.occurred_at == later.now
    assert answer.action is Action.BUY
