"""The strategy: three well-known rules, each a pure function of what was known that morning."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from examples.signal_engine import signals
from examples.signal_engine.features import Features

LEAST_CONFIDENCE: Final = 0.2
MOST_CONFIDENCE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One reason to buy, and how such a purchase is held.

    `strength` is None while the rule is silent; `weak` and `strong` are the strengths that earn
    the least and the most confidence. Stop and target are multiples of the daily volatility away
    from the price; `hold_days` are calendar days.
    """

    name: str
    strategy_type: str
    weekly: bool
    hold_days: int
    stop: float
    target: float
    weak: float
    strong: float
    strength: Callable[[Features], float | None]
    why: Callable[[Features], str]
    reversal: Callable[[Features], str | None]

    def confidence(self, strength: float) -> float:
        """Place `strength` between the least and the most confidence, linearly."""
        share = (strength - self.weak) / (self.strong - self.weak)
        return LEAST_CONFIDENCE + (MOST_CONFIDENCE - LEAST_CONFIDENCE) * min(1.0, max(0.0, share))


RULES: Final = (
    Rule(
        name="breakout",
        strategy_type="swing_trade",
        weekly=False,
        hold_days=28,
        stop=3.0,
        target=6.0,
        weak=0.0,
        strong=2.0,
        strength=signals.breakout,
        why=signals.why_breakout,
        reversal=signals.breakout_failed,
    ),
    Rule(
        name="pullback",
        strategy_type="day_trade",
        weekly=False,
        hold_days=7,
        stop=3.0,
        target=2.0,
        weak=signals.DIP,
        strong=3.0,
        strength=signals.pullback,
        why=signals.why_pullback,
        reversal=signals.pullback_over,
    ),
    Rule(
        name="steady",
        strategy_type="conservative",
        weekly=True,
        hold_days=91,
        stop=6.0,
        target=10.0,
        weak=0.0,
        strong=3.0,
        strength=signals.steady,
        why=signals.why_steady,
        reversal=signals.no_longer_rising,
    ),
)
"""In the order in which they are asked; the most confident one speaks."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule that speaks, and its confidence (a ratio)."""

    rule: Rule
    confidence: float


def strongest(seen: Features, *, week_opens: bool) -> Signal | None:
    """Return the most confident rule that speaks; weekly ones speak only as the week opens."""
    if seen.volatility_20 < signals.DEAD_TAPE:
        return None
    best: Signal | None = None
    for rule in RULES:
        if rule.weekly and not week_opens:
            continue
        strength = rule.strength(seen)
        if strength is not None:
            confidence = rule.confidence(strength)
            if best is None or confidence > best.confidence:
                best = Signal(rule, confidence)
    return best
