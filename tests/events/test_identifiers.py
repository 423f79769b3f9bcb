"""Identifiers are derived, never drawn: the same facts give the same id, others another."""

from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.identifiers import (
    CLIENT_ORDER_ID_LENGTH_MAX,
    EVENT_NAMESPACE,
    RECOMMENDATION_ID_MAX,
    AccountName,
    Leg,
    RecommendationId,
    account_name,
    client_order_id,
    event_id,
)

accounts = st.from_regex(r"[a-z0-9][a-z0-9-]{0,49}", fullmatch=True).map(AccountName)
recommendations = st.integers(1, RECOMMENDATION_ID_MAX).map(RecommendationId)
legs = st.sampled_from([Leg.ENTRY, Leg.STOP, Leg.TARGET])
orders = st.tuples(accounts, recommendations, legs)


@given(order=orders)
def test_a_client_order_id_is_the_same_each_time_and_fits_the_broker(
    order: tuple[AccountName, RecommendationId, Leg],
) -> None:
    name = client_order_id(*order)

    assert name == client_order_id(*order)
    assert 0 < len(name) <= CLIENT_ORDER_ID_LENGTH_MAX
    assert name.isascii()


@given(one=orders, other=orders)
def test_different_orders_have_different_client_order_ids(
    one: tuple[AccountName, RecommendationId, Leg],
    other: tuple[AccountName, RecommendationId, Leg],
) -> None:
    assert (client_order_id(*one) == client_order_id(*other)) == (one == other)


def test_an_account_that_looks_like_another_with_a_number_has_other_ids() -> None:
    one = client_order_id(AccountName("tiny-1"), RecommendationId(2), Leg.ENTRY)
    other = client_order_id(AccountName("tiny"), RecommendationId(12), Leg.ENTRY)

    assert one != other


@given(
    one=st.tuples(accounts, recommendations, legs, st.sampled_from(["decision", "attempt-2"])),
    other=st.tuples(accounts, recommendations, legs, st.sampled_from(["decision", "attempt-2"])),
)
def test_event_ids_tell_events_apart(
    one: tuple[AccountName, RecommendationId, Leg, str],
    other: tuple[AccountName, RecommendationId, Leg, str],
) -> None:
    def derived(facts: tuple[AccountName, RecommendationId, Leg, str]) -> object:
        account, recommendation, leg, role = facts
        return event_id(account, f"recommendation:{recommendation}", leg, role)

    assert (derived(one) == derived(other)) == (one == other)


@given(subject=st.text(st.characters(exclude_categories=["Cs"])), leg=st.none() | legs)
def test_an_event_id_is_the_uuid_of_version_5_that_anybody_can_derive(
    subject: str, leg: Leg | None
) -> None:
    name = f"tiny|{subject}|{leg or ''}|decision"

    assert event_id("tiny", subject, leg, "decision") == uuid5(EVENT_NAMESPACE, name)


def test_the_namespace_of_event_ids_never_changes() -> None:
    derived = event_id("tiny", "recommendation:1", Leg.ENTRY, "decision")

    assert str(derived) == "12ab134c-d419-5c94-86dd-07ee09f54a36"


@pytest.mark.parametrize(
    "name", ["", "-tiny", "Tiny", "tiny account", "tiny/../etc", "ä", "a" * 51, "tiny\n"]
)
def test_an_account_name_that_could_be_mistaken_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not valid: use 1 to 50 of a-z"):
        account_name(name)


@pytest.mark.parametrize("name", ["tiny", "large-default", "0", "a" * 50])
def test_a_plain_account_name_is_taken(name: str) -> None:
    assert account_name(name) == name
