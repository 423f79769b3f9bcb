"""Average cost, by hand."""

from decimal import Decimal

from accounts.positions import Trade, booked
from accounts.state import Position
from events.recommendation import InstrumentType
from tests.builders import these


def a_trade(quantity: int, price: int) -> Trade:
    return Trade(
        ticker="MSFT",
        symbol="MSFT",
        instrument_type=InstrumentType.STOCK,
        multiplier=1,
        quantity=Decimal(quantity),
        amount=Decimal(quantity * price),
        fees=Decimal(0),
    )


def after(*trades: tuple[int, int]) -> tuple[Position | None, Decimal]:
    position: Position | None = None
    realised = Decimal(0)
    for quantity, price in trades:
        result = booked(position, a_trade(quantity, price))
        position, realised = result.position, realised + result.realised
    return position, realised


def test_buying_twice_averages_the_price() -> None:
    position, realised = after((10, 100), (30, 120))

    assert position is not None
    assert position.average_price == 115
    assert realised == 0


def test_selling_a_part_realises_against_the_average_and_keeps_it() -> None:
    position, realised = after((10, 100), (30, 120), (-20, 125))

    assert position is not None
    assert these(position.quantity, position.average_price) == (20, 115)
    assert realised == 20 * 10


def test_selling_all_leaves_nothing() -> None:
    assert these(*after((10, 100), (-10, 90))) == (None, -100)


def test_crossing_zero_closes_first_and_opens_at_the_new_price() -> None:
    position, realised = after((10, 100), (-15, 110))

    assert position is not None
    assert these(position.quantity, position.average_price, position.cost) == (-5, 110, -550)
    assert realised == 100


def test_covering_a_short_cheaper_is_a_win() -> None:
    position, realised = after((-10, 100), (4, 90))

    assert position is not None
    assert these(position.quantity, position.average_price) == (-6, 100)
    assert realised == 40


def test_thirds_lose_no_money() -> None:
    position, realised = after((3, 100), (-1, 100), (-1, 100), (-1, 100))

    assert position is None
    assert realised == 0
