"""What is printed in 80 columns is whole: no digit is cropped, no name cut short."""

import re
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.output import dollars
from cli.table import Column, laid_out
from tests.cli.advice import line, lines
from tests.cli.running import Command, Place

LONG = f"long-{'x' * 40}-name"  # as long as an account's name may be
CALL = "MSFT220414C00300000"
WIDTH = 80
LATER = {"issued_at": "2022-03-16T15:30:00Z"}  # the cooldown is over

words = st.text("abcdefgh-", min_size=1, max_size=60)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)
numbers = st.decimals(min_value=0, max_value=10**12, places=9).map(lambda n: f"{n:,f}")


def _printed(columns: list[Column], rows: list[list[str]]) -> str:
    out = StringIO()
    Console(file=out, width=WIDTH, highlight=False).print(laid_out(columns, rows, WIDTH))
    return out.getvalue()


@given(data=st.data(), right=st.lists(st.booleans(), min_size=1, max_size=8))
def test_every_number_stands_whole_and_no_letter_is_lost(
    data: st.DataObject, right: list[bool]
) -> None:
    kinds = [numbers if number else texts for number in right]
    columns: list[Column] = [("N", "right") if number else "T" for number in right]
    rows = data.draw(st.lists(st.tuples(*kinds).map(list), min_size=1, max_size=3))

    told = _printed(columns, rows)

    assert max(map(len, told.splitlines())) <= WIDTH
    assert "…" not in told
    for row in rows:
        for number, cell in zip(right, row, strict=True):
            assert not number or re.search(rf"(^|\s){re.escape(cell)}(\s|$)", told)
    for letter in "abcdefgh-":
        assert told.count(letter) == sum(cell.count(letter) for row in rows for cell in row)


def test_what_does_not_fit_folds_where_it_is_widest() -> None:
    told = _printed(["Name", "Error"], [["tiny", "too long " * 20], ["large", "short"]])

    assert told.splitlines()[0].split() == ["Name", "Error"]
    assert "tiny   too long" in told
    assert "large  short" in told


def test_what_does_not_even_fit_folded_is_a_block_for_each_row() -> None:
    columns: list[Column] = ["Account", "Holding", ("Qty", "right"), ("Cost", "right")]
    row = [LONG, CALL, "123,456,789.123456789", "1,234,567,890.12"]

    told = _printed(columns, [row, row]).splitlines()

    assert [one.rstrip() for one in told[:4]] == [
        f"Account  {LONG}",
        f"Holding  {CALL}",
        "Qty      123,456,789.123456789",
        "Cost     1,234,567,890.12",
    ]
    assert told[4].strip() == ""
    assert len(told) == 9


@pytest.mark.parametrize(
    ("value", "told"),
    [("-0.004", "0.00"), ("0", "0.00"), ("-0.005001", "-0.01"), ("1234.5", "1,234.50")],
)
def test_what_rounds_to_nothing_is_neither_a_gain_nor_a_loss(value: str, told: str) -> None:
    assert dollars(Decimal(value)) == told


@pytest.fixture(scope="module")
def traded(
    shared_place: Place,
    tmp_path_factory: pytest.TempPathFactory,
) -> Command:
    """An account of the longest name holds a part of a share to nine places, and options."""
    dispatcher = shared_place.at(tmp_path_factory.mktemp("long"))
    file = dispatcher.directory / "dispatcher.toml"
    limits = f"[accounts.{LONG}.limits]\nfractional_shares = true\n"
    file.write_text(file.read_text().replace("accounts.large-default", f"accounts.{LONG}") + limits)
    option = {
        "symbol": CALL,
        "strike": "300",
        "expiry": "2022-04-14",
        "bid": "4.90",
        "ask": "5.00",
        "volume": 1000,
        "open_interest": 1000,
        "delta": "0.5",
        "iv": "0.3",
    }
    advice = lines(
        line(1, reference_price="97.13"),
        line(20220316150002, ticker="AAPL", confidence="0.1"),
        line(3, instrument_type="CALL", option=option, stop=..., confidence="0.9", **LATER),
    )
    for arguments in (
        ("topics", "apply"),
        ("schemas", "register"),
        ("migrate",),
        ("recommendations", "publish", "-"),
        ("accounts", "run", LONG, "--until-caught-up"),
        ("projections", "run", "--until-caught-up"),
    ):
        answer = dispatcher(*arguments, stdin=advice)
        assert answer.code == 0, answer.err
    return dispatcher


@pytest.mark.parametrize(
    "words",
    [
        "accounts list",
        f"accounts show {LONG}",
        f"accounts show {LONG} --tables",
        "positions list",
        "positions list --tables",
        "executions list",
        "failures list",
        "projections status",
        "projections parked list",
        "recommendations show 3",
        f"accounts what-if {LONG} --set max_open_positions=1",
        "schemas register",
        "doctor",
    ],
)
def test_whatever_is_listed_fits_80_columns_and_is_cut_nowhere(traded: Command, words: str) -> None:
    answer = traded(*words.split())

    assert answer.code in (0, 3), answer.err
    assert max(map(len, answer.out.splitlines()), default=0) <= WIDTH
    assert "…" not in answer.out.replace('"…"', "")
    assert "\x1b" not in answer.out


def test_holdings_show_the_whole_name_the_whole_symbol_and_every_digit(traded: Command) -> None:
    held = traded("positions", "list", "--json").data
    assert {one["symbol"] for one in held} == {"MSFT", CALL}
    assert any(-Decimal(one["quantity"]).as_tuple().exponent == 9 for one in held)  # type: ignore[operator] # a finite number's is an int

    for command in (("positions", "list"), ("executions", "list"), ("accounts", "show", LONG)):
        told = traded(*command).out
        for one in held:
            assert one["quantity"] in told.split()
        assert LONG in told
    assert CALL in traded("positions", "list").out.split()
