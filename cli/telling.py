"""A recommendation's story, for a reader and as JSON."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from cli.output import dollars, exact, moment, plain, print_json, print_table, say
from cli.story_short import InShort, gates_of, in_short, why
from consumers.again import Again
from consumers.story import Refusal, Story, Told
from consumers.tables import Row, Rows
from events.account import IncidentRecorded, PositionAdjusted
from events.catalog import LOG_EVENTS, AnyEvent
from events.decision import GateResult, RecommendationDeclined, RecommendationFailed, Verdict
from events.identifiers import AccountName
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    OrderTerms,
)
from events.recommendation import RecommendationIssued


def print_story(
    story: Story, rows: Rows, again: Mapping[AccountName, Again], *, as_json: bool
) -> None:
    """Write the story to stdout.

    `rows` are what the tables have of it; `again` what became of decisions that were taken again.
    """
    short = {
        account: in_short(story.issued, told, story.silent.get(account))
        for account, told in story.accounts.items()
    }
    if as_json:
        print_json(
            {
                "recommendation_id": story.recommendation_id,
                "issued": [_as_json(one) for one in story.issued],
                "in_short": short,
                "accounts": {
                    account: [_as_json(one) for one in told]
                    for account, told in story.accounts.items()
                },
                "dead_letters": plain(story.dead_letters),
                "tables": rows,
                "again": again,
            }
        )
        return
    say(f"Recommendation {story.recommendation_id}")
    _print_events(story.issued)
    if not story.issued:
        say("  not in the recommendations topic")
    for account, told in story.accounts.items():
        say()
        _print_account(account, told, short[account], rows)
        if account in again:
            _print_again(again[account])
    for refusal in story.dead_letters:
        say()
        say(_refused(refusal))
    if rows.fault is not None:
        say()
        say(f"What the tables have is not known: {rows.fault}")


def _print_account(account: AccountName, told: Sequence[Told], short: InShort, rows: Rows) -> None:
    say(f"Account {account}: {short.end}")
    say(short.sentence)
    if not told:
        return
    if short.steps:
        say(_times(short))
    decision = decision_of(told)
    if decision is not None:
        say(_gone_by(account, decision))
    say()
    _print_events(told)
    if gates := gates_of(told):
        say()
        _print_gates(gates)
    for row in (*rows.status, *rows.executions):
        if row["account_name"] == account:
            say(_row(row))


def decision_of(told: Sequence[Told]) -> OrderIntended | RecommendationDeclined | None:
    """Return the decision in an account's part of the story, None where there is none."""
    for one in told:
        if isinstance(one.event, OrderIntended | RecommendationDeclined):
            return one.event
    return None


def _print_again(again: Again) -> None:
    if again.fault is not None:
        say(f"It cannot be decided again: {again.fault}.")
        return
    if again.to_the_byte:
        say("Decided again from what it had seen: the same to the byte.")
        return
    say("Decided again by this build from what it had seen, it is NOT the same.")
    for one in again.gates:
        then, now = (
            "not asked"
            if result is None
            else f"{_VERDICTS.get(result.verdict, '?')}, {why(result)}"
            for result in (one.then, one.now)
        )
        say(f"  {one.gate} then: {then}")
        say(f"  {one.gate} now:  {now}")


def _times(short: InShort) -> str:
    first, *others = short.steps
    return f"{first.step.capitalize()} {moment(first.at)}" + "".join(
        f", {one.step} +{exact(one.after_s or Decimal(0))} s" for one in others
    )


def _gone_by(account: AccountName, decision: OrderIntended | RecommendationDeclined) -> str:
    market, seen, envelope = decision.market, decision.seen, decision.envelope
    if market is None:
        view = "no market"
    else:
        quotes = [
            f"{name} {exact(price)}"
            for name, price in (("bid", market.bid), ("ask", market.ask))
            if price is not None
        ]
        price = ", ".join([exact(market.reference_price), *quotes])
        view = f"a market of {price} (from {market.source}, {moment(market.observed_at)})"
    size = f" Sized: {decision.sizing}." if isinstance(decision, OrderIntended) else ""
    return (
        f"It saw {view} and the account as `dispatcher accounts show {account} --as-of {seen.log}` "
        f"shows it.{size} Configuration {envelope.config_hash}, build {envelope.build}, run "
        f"{envelope.dispatcher_run_id}."
    )


def _row(row: Row) -> str:
    if "status" in row:
        return f"In recommendation_status: {row['status']}"
    price = "-" if row["entry_price"] is None else exact(row["entry_price"])
    return f"In dispatch_executions: {exact(row['qty'])} at {price}, {row['execution_id']}"


def _as_json(told: Told) -> dict[str, object]:
    return {
        "topic": told.topic,
        "offset": told.offset,
        "type": type(told.event).__name__,
        "event": plain(told.event),
    }


def _print_events(told: Sequence[Told]) -> None:
    if told:
        print_table(
            [("Offset", "right"), "Time (UTC)", "Event", "What"],
            (
                [one.offset, moment(_when(one.event)), _name(one.event), _what(one.event)]
                for one in told
            ),
        )


def _print_gates(gates: Sequence[GateResult]) -> None:
    print_table(
        ["Gate", "Verdict", "Why"],
        ([one.gate, _VERDICTS.get(one.verdict, "?"), why(one)] for one in gates),
    )


def _when(event: AnyEvent) -> datetime | None:
    if isinstance(event, RecommendationIssued):
        return event.issued_at
    if isinstance(event, LOG_EVENTS):
        return event.envelope.occurred_at
    return None


def _name(event: AnyEvent) -> str:
    spaced = _CAPITAL.sub(r" \1", type(event).__name__).strip().lower()
    return spaced.removeprefix("order ").removeprefix("recommendation ")


def _what(event: AnyEvent) -> str:  # noqa: C901, PLR0911, PLR0912 -- one case per event
    match event:
        case RecommendationIssued():
            return (
                f"{event.action} {event.ticker} ({event.instrument_type}, {event.strategy_type}) "
                f"at {dollars(event.reference_price)}, confidence {exact(event.confidence)}: "
                f"{event.reason}"
            )
        case RecommendationDeclined():
            return "by " + ", ".join(event.declined_by)
        case OrderIntended():
            return _order(event.terms)
        case OrderResent():
            return f"attempt {event.attempt}: {event.reason}"
        case OrderAccepted():
            found = ", found by looking it up" if event.adopted else ""
            return f"as {event.broker_order_id}{found}"
        case OrderRejected():
            return f"{event.rejection_class}: {event.message}"
        case OrderOutcomeUnknown():
            return f"attempt {event.attempt}: {event.how}"
        case OrderFilled():
            return (
                f"{event.side} {exact(event.quantity)} at {exact(event.price)}, "
                f"{exact(event.cumulative_quantity)} in all, fees {dollars(event.fees)}"
            )
        case OrderCanceled() | OrderExpired():
            return f"after {exact(event.cumulative_quantity)} had filled"
        case RecommendationFailed():
            return f"while it was to {event.stage.lower()}: {event.error}"
        case PositionAdjusted():
            return f"{event.kind}: {exact(event.quantity_change)} {event.symbol}"
        case IncidentRecorded():
            return f"{event.kind}: {event.message}"
        case _:
            return ""


def _order(terms: OrderTerms) -> str:
    limit = "" if terms.limit_price is None else f" {exact(terms.limit_price)}"
    return (
        f"{terms.side} {exact(terms.quantity)} {terms.symbol}, {terms.order_type.lower()}{limit}, "
        f"holds {dollars(terms.reserved_notional)}; {terms.client_order_id}"
    )


def _refused(refusal: Refusal) -> str:
    said = refusal.headers
    return (
        f"Dead letter at offset {refusal.offset}, refused by "
        f"{said.get('dlq.account', 'somebody')}: {said.get('dlq.error', 'no reason given')}"
    )


_CAPITAL: Final = re.compile(r"([A-Z])")
_VERDICTS: Final = {
    Verdict.PASSED: "passed",
    Verdict.DECLINED: "DECLINED",
    Verdict.NOT_APPLICABLE: "-",
}
