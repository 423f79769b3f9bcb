"""The faults of the service this replaces, as far as deciding is concerned."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from accounts.calendar import exchange_day
from accounts.decide import decide
from accounts.evolve import evolve, fold
from accounts.gates import evaluate
from accounts.limits import GATE_NAMES, LARGE, TINY
from accounts.state import AccountState
from events.decision import RecommendationDeclined
from events.identifiers import account_name
from events.order import ExecutionMode, OrderIntended
from events.recommendation import InstrumentType
from tests.accounts.asking import HOLDING, SELL, a_day_that_lost, given, verdict
from tests.builders import (
    a_call,
    a_context,
    a_failure,
    a_market,
    a_recommendation,
    an_account,
    an_author,
    an_opening,
    an_option,
    these,
)
from tests.order_builders import a_cancellation, a_fill, an_intent, an_unknown_outcome

PASSED = "PASSED"
DECLINED = "DECLINED"


def test_fault_an_order_was_sent_with_nothing_recorded_and_no_client_order_id() -> None:
    answer = decide(an_account(), a_recommendation(), a_market(), LARGE, a_context())
    assert isinstance(answer, OrderIntended)

    state = evolve(an_account(), answer)  # what is durable before the first byte goes out

    assert list(state.orders) == [answer.terms.client_order_id]
    assert decide(state, a_recommendation(), a_market(), LARGE, a_context()) is None


def test_fault_a_time_out_was_written_as_a_simulated_execution() -> None:
    order = an_intent()
    live = replace(order, execution_mode=ExecutionMode.ALPACA_PAPER)

    state = an_account(live, an_unknown_outcome(live))

    assert these(state.positions, state.ends.total) == ({}, 0)
    assert len(state.unresolved()) == 1
    again = given(a_recommendation(recommendation_id=2), state=state)
    assert verdict("unresolved_intent", again) == DECLINED


def test_fault_an_account_reached_22_of_5_positions() -> None:
    state = an_account()
    for number in range(1, 23):
        advice = a_recommendation(recommendation_id=number, ticker=f"T{number}")
        answer = decide(state, advice, a_market(), LARGE, a_context())
        assert answer is not None
        state = evolve(state, answer)

    assert state.open_position_count <= LARGE.max_open_positions
    assert state.exposure <= LARGE.max_notional_exposure


def test_fault_positions_were_never_passed_to_the_duplicate_gate() -> None:
    assert verdict("duplicate_position", given(state=an_account(*HOLDING))) == DECLINED


def test_fault_gates_failed_open() -> None:
    answer = decide(AccountState(), a_call(option=None), None, LARGE, a_context())

    assert isinstance(answer, RecommendationDeclined)
    assert {"account_active", "price_collar", "max_notional_exposure", "order_size"} <= set(
        answer.declined_by
    )


def test_fault_every_gate_but_those_of_rate_and_history_failed_open() -> None:
    blind = a_call(bar_at=None, features_at=None, vix=None, option=None, confidence=Decimal(0))

    answer = decide(an_account(starting_cash=0), blind, None, LARGE, a_context())

    assert isinstance(answer, RecommendationDeclined)
    knew_enough = {
        "account_active",
        "trading_hours",
        "recommendation_freshness",
        "max_open_positions",
        "restricted_tickers",
        "ticker_daily_limit",
        "ticker_cooldown",
        "unresolved_intent",
        "action_allowed",
        "no_short_selling",
        "order_rate",
    }
    assert set(answer.declined_by) == set(GATE_NAMES) - knew_enough


def test_fault_daily_pnl_was_always_zero() -> None:
    state = a_day_that_lost(500)

    assert state.pnl_on(exchange_day(a_context().now)) == -500
    assert verdict("daily_loss_limit", given(state=state)) == DECLINED


def test_fault_an_advice_from_the_future_was_fresh() -> None:
    tomorrow = a_context().now + timedelta(days=1)

    for when in ("issued_at", "bar_at", "features_at"):
        asked = given(a_recommendation(**{when: tomorrow}))
        assert DECLINED in {result.verdict for result in evaluate(asked)}


def test_fault_trading_hours_knew_no_weekends_holidays_or_half_days() -> None:
    for year, month, day, hour in ((2022, 3, 19, 15), (2022, 7, 4, 15), (2022, 11, 25, 18)):
        now = a_context().now.replace(year=year, month=month, day=day, hour=hour)
        assert verdict("trading_hours", given(now=now)) == DECLINED


def test_fault_cooldown_and_daily_counts_were_shared_between_accounts() -> None:
    mine, yours = an_account(an_intent(1), an_intent(2)), an_account()

    for gate in ("ticker_cooldown", "ticker_daily_limit"):
        assert verdict(gate, given(state=mine)) == DECLINED
        assert verdict(gate, given(state=yours)) == PASSED


def test_fault_the_day_was_the_databases_not_the_exchanges() -> None:
    evening = a_context().now.replace(hour=23)  # 19:00 in New York
    night = a_context().now.replace(day=17, hour=2)  # 22:00 in New York, the same day

    state = an_account(an_intent(1, at=evening), an_intent(2, at=night))

    assert state.ticker_days["MSFT"].entries == 2


def test_fault_exposure_left_out_the_new_order() -> None:
    limits = replace(LARGE, max_notional_exposure=Decimal(1_100))
    state = an_account(*HOLDING)  # $1,000 held: room for less than one more at $101

    asked = given(a_recommendation(ticker="AAPL"), state=state, limits=limits)

    assert verdict("max_notional_exposure", asked) == DECLINED


def test_fault_exposure_counted_a_contract_as_one_share() -> None:
    contract = an_intent(1, quantity=2, price=5, option=an_option())

    assert an_account(contract, a_fill(contract, price=5)).exposure == 1_000


def test_fault_partial_and_late_fills_were_lost() -> None:
    order = an_intent()
    first = a_fill(order, 3, 99)
    late = a_fill(order, 7, 101, before=first)

    state = an_account(order, first, a_cancellation(order, 3), late)

    assert these(state.positions["MSFT"].quantity, state.cash) == (7, 100_000 - 297 - 404)


def test_fault_failed_recommendations_were_dispatched_again() -> None:
    state = an_account(a_failure(1))

    assert decide(state, a_recommendation(), a_market(), LARGE, a_context()) is None


def test_fault_one_accounts_decision_took_the_recommendation_from_another() -> None:
    author = an_author(account_name("tiny"))
    tiny = fold([an_opening(2_000, author)])
    taken = decide(an_account(), a_recommendation(), a_market(), LARGE, a_context())

    answer = decide(tiny, a_recommendation(), a_market(), TINY, a_context(author=author))

    assert isinstance(taken, OrderIntended)
    assert isinstance(answer, OrderIntended)
    assert taken.terms.client_order_id != answer.terms.client_order_id
    assert taken.envelope.event_id != answer.envelope.event_id


def test_fault_options_were_stored_as_stock_with_share_quantity_and_price() -> None:
    answer = decide(an_account(), a_call(), a_market(5), LARGE, a_context())

    assert isinstance(answer, OrderIntended)
    assert answer.terms.instrument_type is InstrumentType.CALL
    assert answer.option == an_option()
    assert these(answer.terms.multiplier, answer.terms.quantity) == (100, 3)


def test_fault_short_sales_looked_at_every_accounts_positions() -> None:
    assert verdict("no_short_selling", given(SELL, state=an_account(*HOLDING))) == PASSED
    assert verdict("no_short_selling", given(SELL, state=an_account())) == DECLINED
