"""What the owner of a seat waits for, as it says itself: beside its group's offset, in Kafka.

An offset that is committed may have a text beside it. Whoever asks what an account has decided is
told both, on any host; no event is written for what passes by itself, and the next decision's
offset, committed with another text or none, takes the word back.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

_LENGTH_MAX: Final = 1_000


class WaitReason(StrEnum):
    """Why advice that has been read is not decided yet."""

    RATE_BUDGET = "RATE_BUDGET"

    @property
    def in_words(self) -> str:
        """What is waited for, for a person."""
        return {WaitReason.RATE_BUDGET: "the broker's rate budget"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What process `by` (its name in Kafka) waits for, and since when."""

    reason: WaitReason
    since: datetime
    by: str


def as_text(wait: Wait) -> str:
    """Return `wait` as it stands beside an offset."""
    told = {"waits_for": wait.reason, "since": wait.since.isoformat(), "by": wait.by}
    return json.dumps(told, separators=(",", ":"))


def from_text(text: str | None) -> Wait | None:
    """Return what was said beside an offset, None where it is nothing that this build knows."""
    if not text or len(text) > _LENGTH_MAX:
        return None
    try:
        told = json.loads(text)
        since = datetime.fromisoformat(told["since"])
        wait = Wait(reason=WaitReason(told["waits_for"]), since=since, by=told["by"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return wait if since.tzinfo is not None and isinstance(wait.by, str) else None
