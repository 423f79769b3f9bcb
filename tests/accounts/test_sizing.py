"""How much is ordered, by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.limits import LARGE, Limits, SizingMethod
from accounts.sizing import Sized
from accounts.state import AccountState
from events.decision import MarketSeen
from events.order import Side
from events.recommendation import Action, RecommendationIssued
from tests.accounts.asking import HOLDING, SELL, a_reconciliation, given
from tests.builders import a_call, a_market, a_recommendation, an_account, an_adjustment, these
from tests.order_builders import a_fill, an_acceptance, an_intent

ROOMY = replace(
    LARGE, max_order_notional=Decimal(1_000_000), max_notional_exposure=Decimal(1_000_000)
)
FIXED = replace(ROOMY, sizing_method=SizingMethod.FIXED_NOTIONAL, fixed_notional=Decimal(1_000))


def sized(
    limits: Limits = ROOMY,
    advice: RecommendationIssued | None = None,
    state: AccountState | None = None,
    market: MarketSeen | None = None,
) -> Sized:
    return given(advice, state=state, limits=limits, market=market).sized


def test_risks_a_share_of_equity_down_to_the_stop() -> None:
    small = replace(ROOMY, risk_share_of_equity=Decimal("0.01"))

    result = sized(small)  # 1 % of $100,000 over $5 a share

    assert result.quantity == 200
    assert result.how == ("0.01 of $100000.00 over a risk of $5.00 each: 200 at worst $101.00 each")


def test_without_a_stop_it_assumes_one_two_volatilities_away() -> None:
    small = replace(ROOMY, risk_share_of_equity=Decimal("0.005"))

    assert sized(small, a_recommendation(stop=None)).quantity == 125  # 500 / (0.02 x 2 x 100)


@pytest.mark.parametrize("volatility", [None, Decimal(0)])
def test_without_a_stop_or_a_volatility_it_orders_nothing(volatility: Decimal | None) -> None:
    result = sized(advice=a_recommendation(stop=None, recent_volatility=volatility))

    assert result.quantity == 0
    assert "neither a stop nor a recent volatility" in result.how


@pytest.mark.parametrize("stop", [100, 105])
def test_a_stop_that_is_not_below_the_price_orders_nothing(stop: int) -> None:
    result = sized(advice=a_recommendation(stop=Decimal(stop)))

    assert these(result.quantity, result.how) == (0, f"the stop {stop} is not beyond the price 100")


@pytest.mark.parametrize(
    ("limits", "quantity", "name"),
    [
        (replace(ROOMY, max_share_of_equity=Decimal("0.1")), 99, "max_share_of_equity"),
        (replace(ROOMY, max_order_notional=Decimal(1_010)), 10, "max_order_notional"),
        (replace(ROOMY, max_order_notional=Decimal("1009.99")), 9, "max_order_notional"),
        (replace(ROOMY, max_notional_exposure=Decimal(505)), 5, "the exposure left"),
    ],
)
def test_every_cap_holds_at_the_worst_price(limits: Limits, quantity: int, name: str) -> None:
    result = sized(limits)

    assert result.quantity == quantity
    assert f"by {name}" in result.how


def test_only_the_exposure_that_is_left_is_used() -> None:
    limits = replace(ROOMY, max_notional_exposure=Decimal(1_212))

    assert sized(limits, state=an_account(an_intent(900, "AAPL"))).quantity == 2
    full = replace(limits, max_notional_exposure=Decimal(1_000))
    assert sized(full, state=an_account(an_intent(900, "AAPL"))).quantity == 0


def test_a_fixed_amount_is_spent_at_the_worst_price() -> None:
    assert sized(FIXED).quantity == 9  # 9 x $101


def test_fractions_are_cut_at_nine_decimals_where_they_are_wanted() -> None:
    result = sized(replace(FIXED, fractional_shares=True))

    assert result.quantity == Decimal("9.900990099")


@pytest.mark.parametrize(("budget", "contracts"), [(549, 0), (550, 1), (1_099, 1), (1_100, 2)])
def test_contracts_are_whole_and_never_rounded_up_from_none(budget: int, contracts: int) -> None:
    limits = replace(FIXED, fixed_notional=Decimal(budget), fractional_shares=True)

    result = sized(limits, a_call(), market=a_market(5))  # $5.50 at worst, times 100

    assert result.quantity == contracts


def test_a_contract_risks_its_whole_premium() -> None:
    assert sized(ROOMY, a_call(), market=a_market(5)).quantity == 3  # 2,000 / 550


def test_an_account_without_money_risks_none() -> None:
    result = sized(state=an_account(starting_cash=0))

    assert these(result.quantity, result.how) == (0, "equity is $0.00: there is nothing to risk")


def test_an_exit_takes_all_that_is_held() -> None:
    result = sized(advice=SELL, state=an_account(*HOLDING))

    assert these(result.quantity, result.how) == (10, "all 10 held")


def test_an_exit_leaves_out_what_open_sales_cover() -> None:
    sale = an_intent(901, side=Side.SELL, quantity=4, closes=True)
    state = an_account(*HOLDING, sale, an_acceptance(sale), a_fill(sale, 1))

    result = sized(advice=SELL, state=state)

    assert these(result.quantity, result.how) == (6, "9 held less 3 in open closing orders")
    whole = an_intent(902, side=Side.SELL, quantity=10, closes=True)
    assert sized(advice=SELL, state=an_account(*HOLDING, whole)).quantity == 0


def test_a_fractional_holding_is_sold_whole() -> None:
    held = an_account(an_adjustment(Decimal("0.5"), 100))

    assert sized(advice=SELL, state=held).quantity == Decimal("0.5")


def test_a_purchase_covers_a_short_position() -> None:
    short = an_account(an_adjustment(-7, 100))

    result = sized(advice=a_recommendation(action=Action.BUY), state=short)

    assert these(result.quantity, result.how) == (7, "all 7 held")


def test_a_fixed_fraction_of_equity_is_spent_at_the_worst_price() -> None:
    fraction = replace(
        ROOMY,
        sizing_method=SizingMethod.FIXED_FRACTION,
        fixed_fraction_of_equity=Decimal("0.01"),
    )

    result = sized(fraction)

    assert result.quantity == 9  # 1,000 / 101
    assert result.how.startswith("0.01 of $100000.00 for each entry")


def test_contracts_are_capped_by_their_number() -> None:
    limits = replace(FIXED, fixed_notional=Decimal(10_000), max_contracts=2)

    result = sized(limits, a_call(), market=a_market(5))

    assert result.quantity == 2
    assert "capped by max_contracts" in result.how
    assert sized(replace(limits, max_contracts=0), a_call(), market=a_market(5)).quantity == 0
    assert sized(limits).quantity == 99  # shares are no contracts


def test_no_more_is_ordered_than_can_be_paid() -> None:
    whole = replace(FIXED, max_share_of_equity=Decimal(1))
    state = an_account(an_intent(900, "AAPL", quantity=4), starting_cash=1_000)  # 404 reserved

    result = sized(whole, state=state)

    assert result.quantity == 5  # 596 / 101
    assert "by buying_power" in result.how
    short = an_account(a_reconciliation(buying_power=303))
    assert sized(whole, state=short).quantity == 3
