"""What became of a recommendation, in a sentence that needs no other knowledge."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cli.story_short import in_short
from consumers.story import Told
from events.catalog import AnyEvent
from events.decision import GateResult, RecommendationDeclined, Verdict
from events.identifiers import Leg
from tests.builders import NOW, a_decline, a_failure, a_recommendation, an_option
from tests.order_builders import (
    a_bracket,
    a_cancellation,
    a_fill,
    a_rejection,
    a_resend,
    an_acceptance,
    an_expiry,
    an_intent,
    an_unknown_outcome,
    the_leg,
)

INTENT = an_intent()
BRACKET = a_bracket()
STOP, TARGET = the_leg(BRACKET, Leg.STOP), the_leg(BRACKET, Leg.TARGET)
OPTION = an_intent(price=5, quantity=2, option=an_option())


def _told(*events: AnyEvent) -> tuple[Told, ...]:
    return tuple(Told("dispatch.events.a", offset, one) for offset, one in enumerate(events))


def _declined_by(*gates: str) -> RecommendationDeclined:
    results = tuple(
        GateResult(
            gate=gate,
            verdict=Verdict.DECLINED if gate in gates else Verdict.PASSED,
            reason=f"of {gate}",
            observed="5",
            threshold="at most 5",
        )
        for gate in ("max_open_positions", "trading_hours", "confidence")
    )
    return replace(a_decline(), gates=results, declined_by=gates)


@pytest.mark.parametrize(
    ("events", "end", "sentence"),
    [
        (
            [_declined_by("trading_hours")],
            "declined",
            (
                "Nothing was ordered: trading_hours declined, of trading_hours "
                "(5; asked for: at most 5)."
            ),
        ),
        (
            [_declined_by("max_open_positions", "confidence")],
            "declined",
            (
                "Nothing was ordered: max_open_positions declined, of max_open_positions "
                "(5; asked for: at most 5); so did confidence."
            ),
        ),
        (
            [INTENT, an_acceptance(INTENT), a_fill(INTENT)],
            "executed",
            "Bought 10 MSFT at 100 on average, 1,000.00 in all.",
        ),
        (
            [INTENT, a_fill(INTENT, 4), a_cancellation(INTENT, 4)],
            "executed",
            "Bought 4 MSFT of 10 ordered at 100 on average, 400.00 in all.",
        ),
        (
            [OPTION, a_fill(OPTION)],
            "executed",
            "Bought 2 MSFT220414C00300000 at 5 on average, 1,000.00 in all.",
        ),
        (
            [BRACKET, a_fill(BRACKET), a_fill(STOP, price=95), a_cancellation(TARGET)],
            "executed",
            (
                "Bought 10 MSFT at 100 on average, 1,000.00 in all. "
                "By its stop: Sold 10 MSFT at 95 on average, 950.00 in all."
            ),
        ),
        (
            [BRACKET, a_rejection(BRACKET), a_cancellation(STOP), a_cancellation(TARGET)],
            "rejected",
            "The broker refused the order: BUYING_POWER: insufficient buying power.",
        ),
        (
            [BRACKET, an_acceptance(BRACKET), an_acceptance(STOP)],
            "open, the broker has the order",
            "nothing is traded",
        ),
        (
            [INTENT, a_rejection(INTENT)],
            "rejected",
            "The broker refused the order: BUYING_POWER: insufficient buying power.",
        ),
        ([INTENT, an_expiry(INTENT)], "expired", "The order ran out of time before anything"),
        ([INTENT, a_cancellation(INTENT)], "expired", "The order was cancelled before anything"),
        (
            [INTENT, an_unknown_outcome(INTENT), a_failure()],
            "failed",
            "No order came of it, while it was to settle: ValueError: broken.",
        ),
        (
            [INTENT, an_unknown_outcome(INTENT)],
            "open, its outcome is unknown",
            "Nobody knows yet whether the broker has the order: ReadTimeout",
        ),
        ([INTENT, an_acceptance(INTENT)], "open, the broker has the order", "nothing is traded"),
        ([INTENT], "open, the order is on its way", "on its way to the broker"),
    ],
)
def test_every_way_to_end_has_its_sentence(events: list[AnyEvent], end: str, sentence: str) -> None:
    found = in_short((), _told(*events), None)

    assert found.end == end
    assert sentence in found.sentence


def test_the_time_between_any_two_steps_is_told() -> None:
    issued = a_recommendation(issued_at=NOW - timedelta(milliseconds=412))
    resent = a_resend(INTENT)
    resent = replace(
        resent, envelope=replace(resent.envelope, occurred_at=NOW + timedelta(seconds=16))
    )
    accepted = an_acceptance(INTENT, adopted=True)
    accepted = replace(
        accepted, envelope=replace(accepted.envelope, occurred_at=NOW + timedelta(seconds=17))
    )

    found = in_short(
        _told(issued), _told(INTENT, an_unknown_outcome(INTENT), resent, accepted), None
    )

    assert [(one.step, one.after_s) for one in found.steps] == [
        ("issued", None),
        ("intended", Decimal("0.412")),
        ("outcome unknown", Decimal(1)),
        ("attempt 2", Decimal(15)),
        ("accepted", Decimal(1)),
    ]


def test_an_account_that_says_nothing_is_told_with_its_reason() -> None:
    found = in_short(_told(a_recommendation()), (), "it has never run")

    assert found.sentence == "Nothing is decided: it has never run."
    assert (found.end, found.steps, found.seen) == ("not decided yet", (), None)
