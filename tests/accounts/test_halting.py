"""When an account stops itself, and that it is not stopped twice for one cause."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.decide import decide
from accounts.evolve import evolve, fold
from accounts.halting import (
    Halt,
    automatic_halt,
    halt_after_answer,
    halt_after_loss,
    halt_after_reconciliation,
    halt_after_refused_credentials,
)
from accounts.limits import LARGE, OnDailyLoss
from accounts.state import AccountState, TradingStatus
from events.account import AccountHalted, AccountReduced
from events.catalog import LogEvent
from events.decision import RecommendationDeclined
from events.order import Side
from tests.accounts.asking import DECLINED, SELL, a_day_that_lost, a_reconciliation, given, verdict
from tests.builders import (
    NOW,
    a_context,
    a_decline,
    a_failure,
    a_halt,
    a_market,
    a_recommendation,
    a_reduction,
    a_resumption,
    an_account,
    an_author,
)
from tests.order_builders import a_fill, an_acceptance, an_intent


def declined_in(state: AccountState, number: int = 1) -> RecommendationDeclined:
    advice = a_recommendation(recommendation_id=number)
    answer = decide(state, advice, a_market(), LARGE, a_context())
    assert isinstance(answer, RecommendationDeclined)
    return answer


LOST = a_day_that_lost(600)


@pytest.mark.parametrize(
    ("config", "expected"),
    [(OnDailyLoss.REDUCE, AccountReduced), (OnDailyLoss.HALT, AccountHalted)],
)
def test_the_first_entry_declined_for_the_days_loss_reduces_or_halts_the_account(
    config: OnDailyLoss, expected: type[AccountHalted | AccountReduced]
) -> None:
    decision = declined_in(LOST)
    state = evolve(LOST, decision)

    halt = automatic_halt(state, decision, replace(LARGE, on_daily_loss=config), an_author(), NOW)

    assert isinstance(halt, expected)
    assert "-$600.00 today" in halt.reason
    assert halt.envelope.causation_id == str(decision.envelope.event_id)
    assert evolve(state, halt).trading.status.startswith(config.value)


def test_an_account_may_leave_it_at_declining_for_the_day() -> None:
    limits, decision = replace(LARGE, on_daily_loss=OnDailyLoss.DECLINE), declined_in(LOST)

    assert automatic_halt(evolve(LOST, decision), decision, limits, an_author(), NOW) is None


def test_a_resumed_account_is_not_reduced_again_the_same_day_but_its_gate_goes_on() -> None:
    decision = declined_in(LOST)
    state = evolve(LOST, decision)
    halt = automatic_halt(state, decision, LARGE, an_author(), NOW)
    assert halt is not None
    resumed = evolve(evolve(state, halt), a_resumption())

    again = declined_in(resumed, 2)

    assert automatic_halt(evolve(resumed, again), again, LARGE, an_author(), NOW) is None
    assert verdict("daily_loss_limit", given(state=resumed)) is DECLINED
    tomorrow = NOW + timedelta(days=1)
    assert automatic_halt(resumed, again, LARGE, an_author(), tomorrow) is not None


def test_a_fill_that_loses_too_much_reduces_the_account_before_anybody_advises_an_entry() -> None:
    bought = an_intent(950, "AAPL")
    sold = an_intent(951, "AAPL", side=Side.SELL, quantity=10, price=40, closes=True)
    dear, cheap = a_fill(sold, 5, 60), a_fill(sold, 10, 40, before=a_fill(sold, 5, 60))
    before = an_account(bought, a_fill(bought), sold, dear)

    def after(fill: LogEvent, state: AccountState) -> Halt | None:
        return halt_after_answer([fill], evolve(state, fill), LARGE, an_author(), NOW)

    halt = after(cheap, before)
    assert isinstance(halt, AccountReduced)
    assert halt.reason.startswith("the day has cost too much: -$500.00 today; allowed is a loss")
    assert halt.envelope.causation_id == str(cheap.envelope.event_id)
    # and: once a day, whatever follows, unless the account is to leave it at the gate
    resumed = fold([cheap, halt, a_resumption()], before)
    assert halt_after_answer([cheap], resumed, LARGE, an_author(), NOW) is None
    for limits in (
        replace(LARGE, on_daily_loss=OnDailyLoss.DECLINE),
        replace(LARGE, disabled_gates=frozenset({"daily_loss_limit"})),
    ):
        state = evolve(before, cheap)
        assert halt_after_answer([cheap], state, limits, an_author(), NOW) is None


def test_the_brokers_books_reduce_the_account_when_they_show_the_days_loss() -> None:
    told = a_reconciliation(equity=99_400, last_equity=100_000)
    state = an_account(told)

    halt = halt_after_loss(state, told.envelope, LARGE, an_author(), NOW)

    assert isinstance(halt, AccountReduced)
    assert "the broker's: -$600.00" in halt.reason


def test_an_account_without_money_is_not_reduced_for_having_lost_nothing() -> None:
    told = a_reconciliation(equity=0, last_equity=0)
    state = an_account(told, starting_cash=0)

    assert halt_after_loss(state, told.envelope, LARGE, an_author(), NOW) is None


@pytest.mark.parametrize("stopped", [a_halt(), a_reduction()])
def test_an_account_that_does_not_trade_is_not_stopped_again_for_its_loss(
    stopped: AccountHalted | AccountReduced,
) -> None:
    decision, state = declined_in(LOST), evolve(LOST, stopped)

    assert automatic_halt(state, decision, LARGE, an_author(), NOW) is None


def test_a_decline_for_another_reason_stops_nothing() -> None:
    decision = decide(an_account(), SELL, a_market(), LARGE, a_context())
    assert isinstance(decision, RecommendationDeclined)

    assert automatic_halt(an_account(), decision, LARGE, an_author(), NOW) is None


def test_ten_failures_in_a_row_over_three_tickers_halt_the_account() -> None:
    failures = [a_failure(n, f"T{n % 3}") for n in range(1, 11)]

    nine = automatic_halt(an_account(*failures[:9]), failures[8], LARGE, an_author(), NOW)
    ten = automatic_halt(an_account(*failures), failures[9], LARGE, an_author(), NOW)

    assert nine is None
    assert isinstance(ten, AccountHalted)


def test_declines_between_failures_do_not_break_their_row() -> None:
    # given: an account that fails whatever its gates let through, and declines the rest
    events: list[LogEvent] = []
    for number in range(1, 11):
        events += [a_failure(number, f"T{number % 3}"), a_decline(100 + number)]

    # then: the tenth failure halts it, and a decline after it says nothing new
    failed = an_account(*events[:-1])
    assert isinstance(automatic_halt(failed, events[-2], LARGE, an_author(), NOW), AccountHalted)


def test_an_answer_of_the_broker_breaks_the_row_of_failures() -> None:
    failures = [a_failure(n, f"T{n % 3}") for n in range(1, 10)]
    intent = an_intent(20)
    state = an_account(*failures, intent, an_acceptance(intent), a_failure(10))

    assert automatic_halt(state, a_failure(10), LARGE, an_author(), NOW) is None


def test_books_unlike_the_brokers_halt_the_account_once() -> None:
    told, state = a_reconciliation(), an_account()
    differences = ("MSFT: ours 10, theirs 9", "AAPL: ours 0, theirs 1")

    halt = halt_after_reconciliation(state, differences, told.envelope, an_author(), NOW)

    assert isinstance(halt, AccountHalted)
    assert "MSFT: ours 10, theirs 9 (and 1 more)" in halt.reason
    halted = evolve(state, halt)
    assert halted.trading.status is TradingStatus.HALTED
    resumed = evolve(halted, a_resumption())
    for known in (halted, resumed):
        same = halt_after_reconciliation(known, differences, told.envelope, an_author(), NOW)
        assert same is None
    another = a_reconciliation(NOW + timedelta(hours=1))
    assert halt_after_reconciliation(resumed, differences, another.envelope, an_author(), NOW)
    assert halt_after_reconciliation(state, (), told.envelope, an_author(), NOW) is None


def test_refused_credentials_halt_the_account_and_again_after_it_was_resumed() -> None:
    state = an_account()
    halt = halt_after_refused_credentials(state, "401 unauthorized", an_author(), NOW)
    assert halt is not None
    assert "401 unauthorized" in halt.reason

    halted = evolve(state, halt)
    assert halt_after_refused_credentials(halted, "401", an_author(), NOW) is None
    resumed = evolve(halted, a_resumption())
    again = halt_after_refused_credentials(resumed, "401", an_author(), NOW)
    assert again is not None
    assert evolve(resumed, again).trading.status is TradingStatus.HALTED
