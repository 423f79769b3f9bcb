"""The answer to a what-if: what was asked, what was found and how, and all of it as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.limits import Brackets, Limits
from accounts.track_record import Summary
from cli.output import moment
from consumers.account_history import Period
from consumers.dispatcher.intake import Incoming
from consumers.settings_account import AccountSettings
from consumers.settings_limits import difference
from consumers.what_if import Comparison
from consumers.what_if_past import Past
from events.recommendation import RecommendationIssued


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked, and all that was found."""

    account: AccountSettings
    period: Period
    recommendations: Sequence[Incoming]
    now: Limits
    what_if: Limits
    found: Comparison
    past: Past
    notice: str | None

    @property
    def log(self) -> Summary | None:
        """What happened in the time, None where nothing did."""
        return None if self.past.record is None else self.past.record.summary()

    @property
    def issued(self) -> list[RecommendationIssued]:
        """What was recommended in the time."""
        return [one.recommendation for one in self.recommendations if one.recommendation]

    @property
    def as_seen(self) -> int:
        """Of how many recommendations the log tells the market, beyond what they say themselves."""
        return sum(one.recommendation_id in self.past.seen for one in self.issued)

    @property
    def leaves_brackets_out(self) -> bool:
        """Whether there were stops and targets at the broker, or would be."""
        asked = {self.now.brackets, self.what_if.brackets} != {Brackets.OFF}
        return asked or self.past.brackets > 0


def as_json(answer: Answer) -> dict[str, Any]:
    """Return all of it, with every recommendation that fares differently."""
    return {
        "account": answer.account.name,
        "from": answer.period.start,
        "to": answer.period.end,
        "recommendations": len(answer.recommendations),
        "changes": {
            name: {"now": now, "what_if": what_if}
            for name, (now, what_if) in difference(answer.now, answer.what_if).items()
        },
        "now": answer.found.now,
        "what_if": answer.found.what_if,
        "log": answer.log,
        "starts_from_log": answer.past.start is not None,
        "markets_seen": answer.as_seen,
        "brackets_left_out": answer.leaves_brackets_out,
        "brackets_on_log": answer.past.brackets,
        "differing": [
            {"kind": one.kind, "now": one.now, "what_if": one.what_if}
            for one in answer.found.differing
        ],
        "notice": answer.notice,
    }


def how(answer: Answer) -> Iterator[str]:
    """Yield how both courses are simulated."""
    past, asked_from = answer.past, answer.period.start
    if past.start is not None and asked_from is not None:
        begins = f"begins as the account was then, before {moment(asked_from)} UTC"
    elif asked_from is not None:
        begins = "opens with its starting cash, as its log does not reach back to --from"
    else:
        begins = "opens with its starting cash"
    price = "the price recommended" if not answer.as_seen else "the price of that market"
    if answer.as_seen:
        yield (
            f"Both decide on the market that the account's own decisions saw "
            f"({answer.as_seen:,} of {len(answer.issued):,}), else on the advice's own prices."
        )
    yield (
        f"Now and What if are simulated alike: each {begins}, and each order fills at {price}, "
        "less slippage and fees."
    )
    if answer.leaves_brackets_out:
        yield (
            "Stops and targets of new orders are left out of both: "
            f"{past.brackets:,} of {past.orders:,} orders on the log had them."
        )
