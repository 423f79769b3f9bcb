"""What is made quickly is what the class itself would have made."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from events.quick import by_place, quick


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    symbol: str
    kind: str = "long"
    new: bool = True
    twin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trade:
    symbol: str
    side: str
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    of: int

    def __post_init__(self) -> None:
        if self.of <= 0:
            raise ValueError("a share of nothing")


_lot, _share = quick(_Lot), quick(_Share)


def test_what_is_made_quickly_equals_what_the_class_makes_and_is_as_frozen() -> None:
    made = _lot(symbol="MSFT", twin="AAPL")

    assert made == _Lot(symbol="MSFT", twin="AAPL")
    assert type(made) is _Lot
    assert hash(made) == hash(_Lot(symbol="MSFT", twin="AAPL"))
    with pytest.raises(FrozenInstanceError):
        made.symbol = "AAPL"  # type: ignore[misc] # that is the point


def test_a_field_that_is_not_given_has_its_default_whatever_it_is_called() -> None:
    assert _lot(symbol="MSFT") == _Lot(symbol="MSFT", kind="long", new=True, twin=None)


@pytest.mark.parametrize("keywords", [{}, {"symbol": "MSFT", "sort": "long"}])
def test_a_missing_or_an_unknown_keyword_is_refused_as_ever(keywords: dict[str, str]) -> None:
    with pytest.raises(TypeError):
        _lot(**keywords)  # type: ignore[arg-type] # that is the point


def test_what_is_made_by_place_takes_its_values_in_the_order_of_the_fields() -> None:
    bought = by_place(_Trade, side="BUY")

    assert bought("MSFT", 101) == _Trade(symbol="MSFT", side="BUY", price=101)
    with pytest.raises(TypeError):
        bought("MSFT", "SELL", 101)


def test_a_class_with_rules_of_its_own_keeps_them() -> None:
    assert _share(of=2) == _Share(of=2)
    with pytest.raises(ValueError, match="a share of nothing"):
        _share(of=0)
