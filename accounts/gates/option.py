"""Gates over an option's own market: how tight, how busy, how dear, how long it has to live.

They hold back entries alone: a contract that has become hard to sell must be sold all the same.
"""

from decimal import Decimal
from typing import Final

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.words import dollars, plain
from events.decision import GateResult

_STOCK: Final = "a stock is no option"
_EXIT: Final = "a poor market is no reason to keep a contract"
_UNNAMED: Final = "the option contract is not named"


def option_spread(given: GateInput) -> GateResult:
    """Decline a contract whose ask is far above its bid, as a share of their middle."""
    gate, threshold = "option_spread", given.thresholds.spread
    if not given.enters_option:
        return _exempt(gate, given)
    bid, ask = _best(given)
    if bid is None or ask is None:
        return declined(gate, "bid and ask are not both known", "unknown", threshold)
    if not 0 <= bid <= ask or not ask:
        observed = f"{plain(bid)} bid, {plain(ask)} asked"
        return declined(gate, "the quote makes no sense", observed, threshold)
    share = 2 * (ask - bid) / (ask + bid)
    observed = f"{share:.4f} of the mid"
    if share <= given.limits.option_spread_max:
        return passed(gate, "the market is tight enough", observed, threshold)
    return declined(gate, "the market is too wide", observed, threshold)


def option_volume(given: GateInput) -> GateResult:
    """Decline a contract that has hardly traded today."""
    quote = given.recommendation.option
    volume = None if quote is None else quote.volume
    least = given.limits.option_volume_min
    return _counted("option_volume", given, volume, least, given.thresholds.volume)


def option_open_interest(given: GateInput) -> GateResult:
    """Decline a contract that hardly anybody holds."""
    quote = given.recommendation.option
    held = None if quote is None else quote.open_interest
    least = given.limits.option_open_interest_min
    return _counted("option_open_interest", given, held, least, given.thresholds.open_interest)


def option_premium(given: GateInput) -> GateResult:
    """Decline a contract that is too cheap to mean anything, or too dear, by strategy."""
    gate, strategy = "option_premium", given.recommendation.strategy_type
    if not given.enters_option:
        return _exempt(gate, given)
    threshold = given.thresholds.premium.get(strategy)
    if threshold is None:
        return declined(gate, f"no threshold is set for {strategy}", "", "none set")
    price = given.draft.market_price
    if price is None:
        return declined(gate, "there is no market price", "unknown", threshold)
    premium, limits = price * given.draft.multiplier, given.limits
    observed = f"{dollars(premium)} a contract"
    if premium < limits.option_premium_min[strategy]:
        return declined(gate, "the premium is too small", observed, threshold)
    if premium > limits.option_premium_max[strategy]:
        return declined(gate, "the premium is too high", observed, threshold)
    return passed(gate, "the premium is in range", observed, threshold)


def option_days_to_expiry(given: GateInput) -> GateResult:
    """Decline a contract that lives too short or too long for its strategy."""
    gate, strategy = "option_days_to_expiry", given.recommendation.strategy_type
    if not given.enters_option:
        return _exempt(gate, given)
    threshold = given.thresholds.days_to_expiry.get(strategy)
    if threshold is None:
        return declined(gate, f"no threshold is set for {strategy}", "", "none set")
    quote, limits = given.recommendation.option, given.limits
    if quote is None:
        return declined(gate, _UNNAMED, "unknown", threshold)
    days = (quote.expiry - given.today).days
    observed = f"{days} days"
    if days < limits.option_days_to_expiry_min[strategy]:
        reason = "it has expired" if days < 0 else "it expires too soon"
        return declined(gate, reason, observed, threshold)
    if days > limits.option_days_to_expiry_max[strategy]:
        return declined(gate, "it expires too late", observed, threshold)
    return passed(gate, "it expires in time", observed, threshold)


def _counted(
    gate: str, given: GateInput, count: int | None, least: int, threshold: str
) -> GateResult:
    if not given.enters_option:
        return _exempt(gate, given)
    if count is None:
        reason = _UNNAMED if given.recommendation.option is None else "the advice does not say"
        return declined(gate, reason, "unknown", threshold)
    if count >= least:
        return passed(gate, "enough of it is traded", str(count), threshold)
    return declined(gate, "too little of it is traded", str(count), threshold)


def _exempt(gate: str, given: GateInput) -> GateResult:
    return not_applicable(gate, _STOCK if given.is_stock else _EXIT)


def _best(given: GateInput) -> tuple[Decimal | None, Decimal | None]:
    """Return bid and ask of the market now; of the advice where the market names neither."""
    market, quote = given.market, given.recommendation.option
    if market is not None and (market.bid is not None or market.ask is not None):
        return market.bid, market.ask
    return (None, None) if quote is None else (quote.bid, quote.ask)
