"""The market as the loop takes it before a decision: asked in bounded time, or waited for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from brokers.broker import MarketData, MarketView
from brokers.errors import BrokerUnavailable
from consumers.logs import get_log
from events.recommendation import RecommendationIssued

ASKING_S_MAX: Final = 2.0
"""How long one batch may ask for quotes: between two polls of Kafka nothing is unbounded."""

PAUSE_S: Final = 0.5


class MarketAwaited(Exception):  # noqa: N818 -- no error: this recommendation waits for its market
    """There is no view yet and there may be one: decide nothing from here on, ask again later."""


class MarketViews:
    """One account's view of the market; `elapsed_s` is the dispatcher's own clock in seconds."""

    def __init__(self, market: MarketData, elapsed_s: Callable[[], float]) -> None:
        """Ask `market`; nothing is asked yet."""
        self._market = market
        self._elapsed_s = elapsed_s
        self._asking_s = 0.0
        self._asked_again_s = 0.0

    def begin(self) -> None:
        """Start a batch, which has not spent any time on asking yet."""
        self._asking_s = 0.0

    def view(
        self, recommendation: RecommendationIssued, now: datetime, fresh_s: int
    ) -> MarketView | None:
        """Return the market of what is recommended, None when there is none.

        While the advice is fresh (`fresh_s` seconds from its issue) a market that does not answer
        is waited for; after that there is none, and the gates say so.

        Raises:
            MarketAwaited: Ask again in the next turn.
        """
        began_s = self._elapsed_s()
        is_stale = now - recommendation.issued_at > timedelta(seconds=fresh_s)
        if self._asking_s >= ASKING_S_MAX or began_s < self._asked_again_s:
            if is_stale:
                return None
            raise MarketAwaited
        try:
            view = self._market.view(recommendation)
        except BrokerUnavailable as error:
            self._asking_s += self._elapsed_s() - began_s
            self._asked_again_s = self._elapsed_s() + PAUSE_S
            if is_stale:
                return None
            get_log().warning(
                "market_unavailable",
                recommendation_id=recommendation.recommendation_id,
                ticker=recommendation.ticker,
                error=str(error),
            )
            raise MarketAwaited from error
        self._asking_s += self._elapsed_s() - began_s
        return view


def seen_through(
    recommendation: RecommendationIssued, view: MarketView | None
) -> RecommendationIssued:
    """Return the advice with its option contract as the market has it: chosen, quoted, now."""
    if view is None or view.option is None or view.option == recommendation.option:
        return recommendation
    return replace(recommendation, option=view.option)
