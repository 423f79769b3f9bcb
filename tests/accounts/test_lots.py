"""First in first out: by hand, and beside a list that does it the slow way."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.lots import ZERO, Lot, Lots
from accounts.positions import Trade, booked
from accounts.state import AccountState, Position
from events.account import AdjustmentKind, CostBasis
from events.catalog import LogEvent
from events.order import Side
from events.recommendation import InstrumentType
from tests.accounts.naive import assert_books_are_right
from tests.builders import an_account, an_adjustment, an_opening, these
from tests.order_builders import a_fill, an_intent

REPRODUCIBLE: Final = settings(derandomize=True, deadline=None, database=None, max_examples=300)
QUANTITIES: Final = st.decimals("0.000000001", 50, places=9) | st.integers(1, 50).map(Decimal)
TRADES: Final = st.lists(
    st.tuples(QUANTITIES, st.sampled_from((1, -1)), st.decimals("0.01", 500, places=4)),
    max_size=30,
)


def a_trade(quantity: Decimal | int, price: Decimal | int) -> Trade:
    return Trade(
        ticker="MSFT",
        symbol="MSFT",
        instrument_type=InstrumentType.STOCK,
        multiplier=1,
        quantity=Decimal(quantity),
        amount=quantity * Decimal(price),
        fees=ZERO,
    )


def after(
    trades: list[Trade], basis: CostBasis = CostBasis.FIFO
) -> tuple[Position | None, Decimal]:
    position: Position | None = None
    realised = ZERO
    for trade in trades:
        result = booked(position, trade, basis)
        position, realised = result.position, realised + result.realised
    return position, realised


def lots_of(position: Position | None) -> list[tuple[Any, Any]]:
    return [] if position is None else [(lot.quantity, lot.cost) for lot in position.lots]


def test_what_was_bought_first_is_sold_first() -> None:
    position, realised = after([a_trade(10, 100), a_trade(30, 120), a_trade(-20, 125)])

    assert realised == 10 * 25 + 10 * 5
    assert lots_of(position) == [(20, 2_400)]


def test_what_was_sold_short_first_is_covered_first() -> None:
    position, realised = after([a_trade(-10, 100), a_trade(-10, 120), a_trade(15, 90)])

    assert realised == 10 * 10 + 5 * 30
    assert lots_of(position) == [(-5, -600)]


def test_crossing_zero_leaves_one_lot_at_the_new_price() -> None:
    position, realised = after([a_trade(10, 100), a_trade(-15, 110)])

    assert realised == 100
    assert lots_of(position) == [(-5, -550)]


def test_an_account_reckons_as_it_was_opened_to() -> None:
    def sold(basis: CostBasis) -> AccountState:
        one, two = an_intent(1, quantity=10, price=100), an_intent(2, quantity=30, price=120)
        sale = an_intent(3, side=Side.SELL, quantity=20, price=125, closes=True)
        fills: list[LogEvent] = [one, a_fill(one), two, a_fill(two), sale, a_fill(sale)]
        opening = replace(an_opening(), cost_basis=basis)
        return an_account(*fills, opening=opening)

    average, fifo = sold(CostBasis.AVERAGE), sold(CostBasis.FIFO)

    assert these(average.realised_pnl, len(average.positions["MSFT"].lots)) == (200, 0)
    assert these(fifo.realised_pnl, len(fifo.positions["MSFT"].lots)) == (300, 1)
    assert these(average.equity, average.cash) == (fifo.equity, fifo.cash)


def test_a_holding_from_before_the_opening_is_one_lot() -> None:
    before, _ = after([a_trade(10, 100), a_trade(10, 200)], CostBasis.AVERAGE)

    result = booked(before, a_trade(-5, 100), CostBasis.FIFO)

    assert result.realised == -250
    assert lots_of(result.position) == [(15, 2_250)]


@REPRODUCIBLE
@given(TRADES)
def test_lots_make_up_the_holding_as_a_plain_list_does(
    told: list[tuple[Decimal, int, Decimal]],
) -> None:
    trades = [a_trade(quantity * sign, price) for quantity, sign, price in told]
    naive: list[Decimal] = []

    for count, trade in enumerate(trades, start=1):
        left = trade.quantity
        while naive and left and (naive[0] > 0) != (left > 0):
            taken = min(abs(naive[0]), abs(left)).copy_sign(left)
            naive[0] += taken
            left -= taken
            naive = naive if naive[0] else naive[1:]
        naive += [left] if left else []
        position, _ = after(trades[:count])
        lots = lots_of(position)
        assert [quantity for quantity, _ in lots] == naive
        assert position is None or sum((cost for _, cost in lots), ZERO) == position.cost


@REPRODUCIBLE
@given(TRADES, st.decimals("0.01", 500, places=4))
def test_once_flat_both_ways_of_reckoning_have_realised_the_same(
    told: list[tuple[Decimal, int, Decimal]], price: Decimal
) -> None:
    trades = [a_trade(quantity * sign, each) for quantity, sign, each in told]
    held = sum((trade.quantity for trade in trades), ZERO)
    flat = [*trades, a_trade(-held, price)] if held else trades

    assert after(flat) == after(flat, CostBasis.AVERAGE)
    assert after(flat) == (None, -sum((trade.amount for trade in flat), ZERO))


@REPRODUCIBLE
@given(st.lists(st.tuples(QUANTITIES, QUANTITIES), min_size=1, max_size=20), QUANTITIES)
def test_a_split_keeps_every_cent_and_every_share_in_order(
    bought: list[tuple[Decimal, Decimal]], quantity: Decimal
) -> None:
    lots = Lots()
    for shares, cost in bought:
        lots = lots.plus(Lot(shares, cost))
    before = sum((lot.quantity for lot in lots), ZERO)

    split = list(lots.split(before, quantity))

    assert sum((lot.quantity for lot in split), ZERO) == quantity
    assert sum((lot.cost for lot in split), ZERO) == sum((lot.cost for lot in lots), ZERO)
    assert all(lot.quantity > 0 for lot in split)
    assert len(split) <= len(lots)


@pytest.mark.parametrize("change", [20, -10])
def test_a_split_keeps_the_lots_of_a_holding(change: int) -> None:
    one, two = an_intent(1, quantity=10, price=100), an_intent(2, quantity=10, price=120)
    split = an_adjustment(change, kind=AdjustmentKind.CORPORATE_ACTION)
    opening = replace(an_opening(), cost_basis=CostBasis.FIFO)
    state = an_account(one, a_fill(one), two, a_fill(two), split, opening=opening)

    half = Decimal(20 + change) / 2
    assert lots_of(state.positions["MSFT"]) == [(half, 1_000), (half, 1_200)]
    assert_books_are_right(state)


def test_a_thousand_tiny_lots_are_taken_from_the_front() -> None:
    lots = Lots()
    for _ in range(1_000):
        lots = lots.plus(Lot(Decimal(1), Decimal(7)))

    left, cost = lots.less(Decimal("2.5"))

    assert these(len(left), left.first, cost) == (998, 2, Decimal("17.5"))
    assert next(iter(left)) == Lot(Decimal("0.5"), Decimal("3.5"))
