"""The market of a what-if: what the account's own decisions saw of it, by recommendation."""

from collections.abc import Mapping
from typing import NamedTuple

from accounts.draft import order_symbol
from brokers.broker import MarketView
from brokers.simulated import RecommendedMarket
from events.decision import MarketSeen
from events.recommendation import OptionQuote, RecommendationIssued


class Seen(NamedTuple):
    """The market that a decision saw, and the option contract that it was of; None: a stock."""

    market: MarketSeen
    option: OptionQuote | None


class SeenMarket:
    """The market as the account's own decisions saw it; where they did not, as the advice says."""

    def __init__(self, seen: Mapping[int, Seen]) -> None:
        """Know what decisions saw, by recommendation."""
        self._seen = seen
        self._advised = RecommendedMarket()

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        """Return the market that was seen; the advice's own where that was of another contract.

        An exit that names no contract sells the one held, which may differ in another course.
        """
        seen = self._seen.get(recommendation.recommendation_id)
        if seen is None:
            return self._advised.view(recommendation)
        asked = order_symbol(recommendation)
        was = recommendation.ticker if seen.option is None else seen.option.symbol
        if asked is not None and asked != was:
            return self._advised.view(recommendation)
        return MarketView(market=seen.market, option=seen.option)
