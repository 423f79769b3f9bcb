"""The engine's own book: what it has advised to buy and not yet to sell."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from examples.signal_engine.features import Features
from examples.signal_engine.rules import Rule

REST: Final = timedelta(days=7)
"""How long a ticker is left alone after the advice to sell it."""
_WIDEST_STOP: Final = 0.5
_CENT: Final = Decimal("0.01")
_SUB_CENT: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Advice:
    """The newest advice to buy one ticker. `stop` and `target` are US dollars per share."""

    rule: Rule
    issued_on: date
    stop: Decimal
    target: Decimal

    def exit(self, today: date, close: Decimal, seen: Features) -> str | None:
        """Say why to sell `today`, or None. `close` is yesterday's, in US dollars."""
        advised = f"advised on {self.issued_on}"
        if close <= self.stop:
            return f"Stop: closed at {close}, at or below the stop of {self.stop} {advised}."
        if close >= self.target:
            return f"Target: closed at {close}, at or above the target of {self.target} {advised}."
        if (reversal := self.rule.reversal(seen)) is not None:
            return reversal
        if today >= self.issued_on + timedelta(days=self.rule.hold_days):
            return f"Time is up: {self.rule.hold_days} days have passed since it was {advised}."
        return None


def advise(rule: Rule, today: date, price: Decimal, volatility: float) -> Advice:
    """Set stop and target around `price` (US dollars), in multiples of the daily `volatility`.

    Both are rounded away from the price to what an exchange quotes: cents, below a dollar
    hundredths of a cent.
    """
    down = _ratio(1 - min(rule.stop * volatility, _WIDEST_STOP))
    up = _ratio(1 + rule.target * volatility)
    return Advice(
        rule=rule,
        issued_on=today,
        stop=_quotable(price * down, ROUND_FLOOR),
        target=_quotable(price * up, ROUND_CEILING),
    )


@dataclass(slots=True)
class Book:
    """One line of advice per ticker: opened by a BUY, renewed by repeats, ended by one SELL."""

    _lines: dict[str, Advice] = field(default_factory=dict)
    _sold_on: dict[str, date] = field(default_factory=dict)

    def line(self, ticker: str) -> Advice | None:
        """Return the newest advice to buy `ticker` that has not been ended."""
        return self._lines.get(ticker)

    def may_buy(self, ticker: str, rule: Rule, today: date) -> bool:
        """Allow a repeat by the same rule, or a new line after the rest."""
        line = self._lines.get(ticker)
        if line is not None:
            return line.rule is rule
        sold_on = self._sold_on.get(ticker)
        return sold_on is None or today >= sold_on + REST

    def bought(self, ticker: str, advice: Advice) -> None:
        """Open the line of `ticker`, or renew it: the newest stop, target and time count."""
        self._lines[ticker] = advice

    def sold(self, ticker: str, today: date) -> None:
        """End the line of `ticker`."""
        del self._lines[ticker]
        self._sold_on[ticker] = today


def _quotable(price: Decimal, rounding: str) -> Decimal:
    return price.quantize(_CENT if price >= 1 else _SUB_CENT, rounding=rounding)


def _ratio(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")
