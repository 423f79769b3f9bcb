"""A state as text: the same to the last digit, or refused by name of the place."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map

from accounts.bitmaps import packed, unpacked
from accounts.changing import changed
from accounts.closed_orders import ClosedOrders
from accounts.evolve import fold
from accounts.forms import form_of
from accounts.idset import CHUNK_BITS, IdSet
from accounts.snapshot import dump, load
from accounts.state import AccountState
from events.account import CostBasis
from events.envelope import Origin
from events.identifiers import BrokerOrderId, ClientOrderId, Leg
from events.topics import RECORD_BYTES_MAX
from tests.accounts.histories import ANY_LOG, EVENTS, a_reconciliation, a_start, told
from tests.builders import (
    ACCOUNT,
    NOW,
    RUN,
    a_failure,
    a_halt,
    an_account,
    an_adjustment,
    an_opening,
)
from tests.order_builders import (
    a_bracket,
    a_fill,
    a_rejection,
    an_acceptance,
    an_expiry,
    an_intent,
    the_leg,
)

REPRODUCIBLE: Final = settings(derandomize=True, deadline=None, database=None, max_examples=200)


def a_full_account() -> AccountState:
    """Return an account of which no field is what it was in the beginning."""
    bought, again = an_intent(1, quantity=10, price=100), an_intent(2, quantity=5, price=110)
    sold, working = an_intent(3, quantity=4, price=120, closes=True), an_intent(4, "AAPL")
    refused, bracket = an_intent(5, "IBM"), a_bracket(6, "TSLA")
    command = Origin(topic=f"dispatch.commands.{ACCOUNT}", partition=0, offset=41)
    halt = replace(a_halt(1), cancel_open=True)
    return fold(
        [
            replace(an_opening(), cost_basis=CostBasis.FIFO),
            a_start(1),
            bought,
            an_acceptance(bought),
            a_fill(bought, fees="0.35"),
            again,
            a_fill(again, 3),
            an_adjustment(-2, 130),
            sold,
            working,
            refused,
            a_rejection(refused),
            bracket,
            an_acceptance(the_leg(bracket, Leg.STOP)),
            a_failure(9),
            replace(halt, envelope=replace(halt.envelope, source=command)),
            a_fill(an_intent(99)),
            a_reconciliation(1, Decimal("100000.00000001")),
            a_reconciliation(2, None, "MSFT: 9, not 10"),
        ]
    )


def test_every_field_of_the_state_survives() -> None:
    state, empty = a_full_account(), AccountState()

    again = load(dump(state))

    for field in fields(AccountState):
        assert getattr(state, field.name) != getattr(empty, field.name), field.name
        assert getattr(again, field.name) == getattr(state, field.name), field.name
    assert again == state


def test_decimals_keep_their_zeros_and_times_their_microseconds() -> None:
    at = datetime(2022, 3, 16, 15, 0, 0, 1, UTC)
    state = changed(AccountState(), cash=Decimal("1.50"), clock_at=at)

    again = load(dump(state))

    assert str(again.cash) == "1.50"
    assert again.clock_at == at


@REPRODUCIBLE
@given(ANY_LOG, ANY_LOG, st.sampled_from((CostBasis.AVERAGE, CostBasis.FIFO)))
def test_folding_on_from_a_snapshot_is_folding_all(
    first: list[int], then: list[int], cost_basis: CostBasis
) -> None:
    before = told(first, cost_basis)

    again = load(dump(before))

    assert again == before
    assert dump(again) == dump(before)
    assert fold([EVENTS[number] for number in then], again) == told(first + then, cost_basis)


@REPRODUCIBLE
@given(st.sets(st.integers(0, 9_000) | st.integers(0, 2**65)))
def test_a_set_of_ids_survives_as_bitmaps(numbers: set[int]) -> None:
    ids = IdSet()
    for number in numbers:
        ids = ids.add(number)

    assert unpacked(json.loads(json.dumps(packed(ids)))) == ids


def test_a_million_decided_recommendations_take_a_fifth_of_a_megabyte() -> None:
    entries = int("1" * (1 << CHUNK_BITS - 2), 16)  # the entry leg of each recommendation
    chunks = dict.fromkeys(range(7_000, 7_000 + 4_000), entries)
    ids = IdSet(Map(chunks), size=len(chunks) * entries.bit_count())

    text = dump(changed(AccountState(), decided=ids))

    assert len(ids) > 1_000_000
    assert len(text) < 200_000
    assert load(text).decided == ids


def test_thirty_thousand_orders_that_ended_unfilled_fit_a_record() -> None:
    # given: as many as one that expired, each with ids as long as a broker's
    intent = an_intent(1_000_000, "GOOGL")
    state = an_account(intent, an_acceptance(intent), an_expiry(intent))
    [ended] = state.closed_orders.values()
    many = ClosedOrders()
    for number in range(30_000):
        name = ClientOrderId(f"{intent.terms.client_order_id}{number:05}")
        many = many.set(name, ended._replace(broker_order_id=BrokerOrderId(str(RUN))))

    # when
    text = dump(changed(an_account(), closed_orders=many))

    # then
    assert len(text) < RECORD_BYTES_MAX
    assert load(text).closed_orders == many
    assert set(many.values()) == {ended._replace(broker_order_id=BrokerOrderId(str(RUN)))}


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["cash"], 1.5, "state.cash: is no str, but float"),
        (["cash"], "NaN", "state.cash: 'NaN' is not finite"),
        (["cash"], "007", "state: differs from what is written of it at "),
        (["cash"], "a lot", "state.cash: 'a lot' is no decimal"),
        (["incidents"], True, "state.incidents: is no int, but bool"),
        (["clock_at"], "2022-03-16T15:00:00", "state.clock_at: '2022-03-16T15:00:00' is not in"),
        (["clock_at"], "2022-03-16T16:00:00.000000+01:00", "is not in UTC"),
        (["positions"], [], "state.positions: is no dict, but list"),
        (["positions", "MSFT", "cost"], None, "state.positions['MSFT'].cost: is no str"),
        (
            ["positions", "MSFT", "lots", "items", "x"],
            {},
            "state.positions['MSFT'].lots.items['x']",
        ),
        (["trading", "status"], "ASLEEP", "state.trading.status: 'ASLEEP' is not a valid"),
        (["trading", "mood"], "bad", "state.trading: is no Trading of this build: mood"),
        (["differences", 0], 7, "state.differences[0]: is no str, but int"),
        (["decided"], {}, "state.decided: is no list of bitmaps"),
        (["decided", 0], [1], "state.decided: is no run of bitmaps"),
        (["decided", 0, 1], "?", "state.decided: "),
        (["closed_orders", "rows", "x"], [], "state.closed_orders.rows['x']: is no str, but list"),
        (["opened"], {}, "state.opened: is no AccountOpened of this build: "),
    ],
)
def test_what_a_snapshot_may_not_hold_is_refused_by_its_place(
    path: list[Any],
    value: object,
    place: str,
) -> None:
    document = json.loads(dump(a_full_account()))
    *way, last = path
    inner = document
    for step in way:
        inner = inner[step]
    inner[last] = value

    with pytest.raises(ValueError, match=r"^state") as refused:
        load(json.dumps(document, sort_keys=True, separators=(",", ":")))

    assert place in str(refused.value)


@pytest.mark.parametrize("name", ["cash", "broker", "day", "applied"])
def test_a_field_that_is_missing_is_refused(name: str) -> None:
    document = json.loads(dump(a_full_account()))
    del document[name]

    with pytest.raises(ValueError, match=f"state: is no AccountState of this build: {name}"):
        load(json.dumps(document))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + " ",
        lambda text: text.replace(",", ", ", 1),
        lambda text: text.replace('{"applied"', '{"cash":"7","applied"', 1),
        lambda text: text.replace('"incidents":1', '"incidents":NaN', 1),
        lambda _: "",
        lambda _: "[" * 100_000,
        lambda _: "null",
    ],
    ids=["cut", "longer", "a space", "a key twice", "NaN", "empty", "deep", "nothing"],
)
def test_text_that_was_not_written_by_us_is_refused(spoil: Any) -> None:  # noqa: ANN401 -- text to text
    text = dump(a_full_account())

    with pytest.raises(ValueError, match=r"^state"):
        load(spoil(text))


def test_a_time_without_a_zone_is_not_written() -> None:
    naive = NOW.replace(tzinfo=None)

    with pytest.raises(ValueError, match="no time zone"):
        dump(changed(AccountState(), clock_at=naive))


def test_a_type_without_a_form_fails_before_anything_is_written() -> None:
    with pytest.raises(TypeError, match="float"):
        form_of(float)
