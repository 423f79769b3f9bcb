"""Gates over age: of the advice, of the bar it saw, of the features made of that.

A time ahead of ours is passed within `clock_tolerance_ms`: clocks kept by NTP differ by
milliseconds, a clock that differs by seconds is wrong, and then so is every age told by it.
"""

from datetime import datetime
from typing import Final

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.thresholds import Age
from events.decision import GateResult

_OLD_DATA: Final = "an exit on old data is better than none: the collar guards its price"
_BAR: Final = not_applicable("bar_freshness", _OLD_DATA)
_FEATURES: Final = not_applicable("feature_freshness", _OLD_DATA)


def recommendation_freshness(given: GateInput) -> GateResult:
    """Decline advice that is too old, an exit's too: what is held by now may be another entry's."""
    age = given.thresholds.recommendation_age
    return _weighed("recommendation_freshness", given, given.recommendation.issued_at, age)


def bar_freshness(given: GateInput) -> GateResult:
    """Decline an entry on prices that are too old for its strategy, or of an unknown time."""
    if given.draft.closes:
        return _BAR
    advice = given.recommendation
    age = given.thresholds.bar_age.get(advice.strategy_type)
    return _weighed("bar_freshness", given, advice.bar_at, age)


def feature_freshness(given: GateInput) -> GateResult:
    """Decline an entry on features that are too old for its strategy, or of an unknown time."""
    if given.draft.closes:
        return _FEATURES
    advice = given.recommendation
    age = given.thresholds.feature_age.get(advice.strategy_type)
    return _weighed("feature_freshness", given, advice.features_at, age)


def _weighed(gate: str, given: GateInput, at: datetime | None, age: Age | None) -> GateResult:
    if age is None:
        kind = given.recommendation.strategy_type
        return declined(gate, f"no threshold is set for {kind}", "", "none set")
    if at is None:
        return declined(gate, "the advice does not say when it was", "unknown", age.words)
    old = given.now - at
    observed = f"{old.total_seconds():.3f} seconds old"
    if old < -age.ahead:
        return declined(gate, "it is from the future", observed, age.words)
    if old <= age.most:
        return passed(gate, "it is fresh", observed, age.words)
    return declined(gate, "it is too old", observed, age.words)
