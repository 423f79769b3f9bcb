"""What an answer to a POST proves: recorded bodies of Alpaca's, and everything that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.alpaca.classify import Breakage, Outcome, PostAnswer, Verdict, classify
from docs.generate_broker_answers import drift
from events.order import RejectionClass

REFUSALS = [
    (401, None, "unauthorized.", RejectionClass.CREDENTIALS),
    (401, 40110000, "request is not authorized", RejectionClass.CREDENTIALS),
    (403, None, "forbidden.", RejectionClass.CREDENTIALS),
    (403, 40310000, "insufficient buying power", RejectionClass.BUYING_POWER),
    (
        403,
        40310000,
        "insufficient options buying power (required: 1350, available: 200)",
        RejectionClass.BUYING_POWER,
    ),
    (403, 40310000, "cost basis must be >= minimal amount of order 1", RejectionClass.BUYING_POWER),
    (
        403,
        40310000,
        "insufficient qty available for order (requested: 10, available: 0)",
        RejectionClass.QUANTITY_HELD,
    ),
    (403, 40310000, 'asset "BRK.A" is not fractionable', RejectionClass.NOT_FRACTIONABLE),
    (403, 40310000, "potential wash trade detected. use complex orders", RejectionClass.WASH_TRADE),
    (
        403,
        40310000,
        "cannot open a long buy while a short sell order is open",
        RejectionClass.WASH_TRADE,
    ),
    (403, 40310000, "account not authorized to trade options", RejectionClass.OPTIONS_LEVEL),
    (
        403,
        40310000,
        "account not eligible to trade long option contracts",
        RejectionClass.OPTIONS_LEVEL,
    ),
    (
        403,
        40310000,
        "account not eligible to trade uncovered option contracts",
        RejectionClass.OPTIONS_LEVEL,
    ),
    (403, 40310000, "exceeded account limit for contracts expiring today", RejectionClass.EXPIRY),
    (403, 40310000, "account is not allowed to trade", RejectionClass.CREDENTIALS),
    (403, 40310000, "account is not authorized to trade", RejectionClass.CREDENTIALS),
    (403, 40310000, "trading is suspended by user", RejectionClass.CREDENTIALS),
    (403, 40310000, "something new", RejectionClass.OTHER),
    (
        403,
        40310100,
        "trade denied due to pattern day trading protection",
        RejectionClass.PATTERN_DAY_TRADING,
    ),
    (
        404,
        40410000,
        "order not found for 61e69015-8549-4bfd-b9c3-01e75843f47d",
        RejectionClass.OTHER,
    ),
    (404, 40410000, "position does not exist", RejectionClass.OTHER),
    (400, 40010000, "request body format is invalid", RejectionClass.OTHER),
    (422, 40010001, "qty must be > 0", RejectionClass.VALIDATION),
    (422, 40010001, "limit orders require a limit price", RejectionClass.VALIDATION),
    (
        422,
        40010001,
        "client_order_id must be no more than 128 characters",
        RejectionClass.VALIDATION,
    ),
    (422, 40010001, "us_equity orders not allowed for account PA1", RejectionClass.CREDENTIALS),
    (
        422,
        42210000,
        "options market orders are only allowed during market hours",
        RejectionClass.MARKET_CLOSED,
    ),
    (
        422,
        42210000,
        'contract "AAPL261120C00200000" expires soon, unable to open new positions',
        RejectionClass.EXPIRY,
    ),
    (422, 42210000, 'contract "AAPL261120C00200000" is not active', RejectionClass.NOT_TRADABLE),
    (422, 42210000, 'contract "AAPL261120C00200000" is not tradable', RejectionClass.NOT_TRADABLE),
    (422, 42210000, 'contract "AAPL261120C00200000" not found', RejectionClass.NOT_TRADABLE),
    (422, 42210000, "asset ZZZZ not found", RejectionClass.NOT_TRADABLE),
    (422, 42210000, "qty must be integer for options trading", RejectionClass.VALIDATION),
    (
        422,
        42210000,
        "order_time_in_force provided not supported for options trading",
        RejectionClass.VALIDATION,
    ),
    (
        422,
        42210000,
        "position intent mismatch, inferred: buy_to_open, specified: buy_to_close",
        RejectionClass.VALIDATION,
    ),
    (
        422,
        42210000,
        "extended hours order must be DAY or GTC limit orders",
        RejectionClass.VALIDATION,
    ),
    (422, 42210000, "fractional orders must be DAY orders", RejectionClass.NOT_FRACTIONABLE),
    (422, 42210000, 'order already in "filled" state', RejectionClass.VALIDATION),
    (422, 42210000, "order parameters are not changed", RejectionClass.VALIDATION),
    (422, 99999999, "a code that nobody knows", RejectionClass.VALIDATION),
]

DEFINITE = {200, 201, 204, 400, 401, 403, 404, 422, 429}


@pytest.mark.parametrize(("status", "code", "message", "kind"), REFUSALS)
def test_a_refusal_is_sorted_by_what_an_operator_would_do(
    status: int, code: int | None, message: str, kind: RejectionClass
) -> None:
    answer = PostAnswer(status=status, code=code, message=message, is_error_body=True)

    assert classify(answer) == Verdict(outcome=Outcome.REFUSED, rejection_class=kind)


def test_a_taken_client_order_id_means_that_the_order_exists() -> None:
    answer = PostAnswer(
        status=422, code=40010001, message="client_order_id must be unique", is_error_body=True
    )

    assert classify(answer).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize(
    "answer",
    [
        PostAnswer(status=200),
        PostAnswer(status=204),
        PostAnswer(status=301),
        PostAnswer(status=403, message="<html>blocked</html>"),
        PostAnswer(status=400, message="no such tenant", is_error_body=True),
        PostAnswer(status=403, message="insufficient buying power", is_error_body=True),
        PostAnswer(status=404, message="no route matched with those values", is_error_body=True),
        PostAnswer(status=404, code=40410000, message="endpoint not found.", is_error_body=True),
        PostAnswer(status=422, message="client_order_id must be unique", is_error_body=True),
        PostAnswer(status=408, code=40810000, message="time-out", is_error_body=True),
        PostAnswer(status=429, message="slow down"),
        PostAnswer(
            status=500, code=40310000, message="insufficient buying power", is_error_body=True
        ),
        PostAnswer(status=504),
        PostAnswer(breakage=Breakage.BROKE_OFF),
    ],
)
def test_what_proves_nothing_is_unknown(answer: PostAnswer) -> None:
    assert classify(answer).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        PostAnswer(breakage=Breakage.NEVER_CONNECTED),
        PostAnswer(status=429, rate_limit_reset=1_767_225_600),
    ],
)
def test_only_the_rate_limiter_and_a_missing_connection_prove_absence(answer: PostAnswer) -> None:
    assert classify(answer).outcome is Outcome.NOT_ACCEPTED


@given(
    st.builds(
        PostAnswer,
        status=st.none() | st.integers(100, 599),
        code=st.none() | st.integers(),
        message=st.text(max_size=40) | st.sampled_from([words for _, _, words, _ in REFUSALS]),
        is_our_order=st.booleans(),
        is_error_body=st.booleans(),
        rate_limit_reset=st.none() | st.integers(),
        breakage=st.none() | st.sampled_from(Breakage),
    )
)
def test_no_message_and_no_code_make_an_order_certain(answer: PostAnswer) -> None:
    outcome = classify(answer).outcome

    if outcome is Outcome.ACCEPTED:
        assert answer.is_our_order
        assert answer.breakage is None
    if outcome in (Outcome.REFUSED, Outcome.DUPLICATE):
        assert answer.is_error_body
        assert answer.code is not None or answer.status in (401, 403)
    if answer.breakage is None and answer.status not in DEFINITE:
        assert outcome is Outcome.UNKNOWN or answer.status in range(200, 300)


def test_the_page_of_answers_says_what_the_classifier_does() -> None:
    assert drift() is None
