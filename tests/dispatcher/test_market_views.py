"""A market that does not answer is waited for while the advice is fresh, in bounded time."""

from datetime import timedelta

import pytest

from brokers.broker import MarketView
from brokers.errors import BrokerUnavailable
from brokers.simulated import RecommendedMarket
from consumers.dispatcher.market_views import (
    ASKING_S_MAX,
    PAUSE_S,
    MarketAwaited,
    MarketViews,
    seen_through,
)
from events.recommendation import RecommendationIssued
from tests.builders import a_call, a_recommendation, an_option

FRESH_S = 300
ADVICE = a_recommendation()


class Stopwatch:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class MutedMarket:
    """A market data service that is down until it is told to be up; it counts what it is asked."""

    def __init__(self, clock: Stopwatch) -> None:
        self.up = False
        self.asked = 0
        self.takes_s = 0.0
        self._clock = clock

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        self.asked += 1
        self._clock.seconds += self.takes_s
        if not self.up:
            raise BrokerUnavailable("no market data")
        return RecommendedMarket().view(recommendation)


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def market(clock: Stopwatch) -> MutedMarket:
    return MutedMarket(clock)


@pytest.fixture
def views(market: MutedMarket, clock: Stopwatch) -> MarketViews:
    made = MarketViews(market, clock)
    made.begin()
    return made


def test_a_market_that_is_down_is_asked_again_after_a_pause(
    market: MutedMarket, views: MarketViews, clock: Stopwatch
) -> None:
    for _ in range(3):
        with pytest.raises(MarketAwaited):
            views.view(ADVICE, ADVICE.issued_at, FRESH_S)
    assert market.asked == 1

    market.up = True
    clock.seconds += PAUSE_S
    view = views.view(ADVICE, ADVICE.issued_at, FRESH_S)

    assert view == RecommendedMarket().view(ADVICE)


def test_once_the_advice_is_old_there_is_no_market_to_wait_for(views: MarketViews) -> None:
    late = ADVICE.issued_at + timedelta(seconds=FRESH_S + 1)

    assert views.view(ADVICE, late, FRESH_S) is None


def test_one_batch_asks_for_no_longer_than_its_time(
    market: MutedMarket, views: MarketViews, clock: Stopwatch
) -> None:
    market.up, market.takes_s = True, ASKING_S_MAX / 2
    clock.seconds += ASKING_S_MAX  # deciding takes its time as well, which is not asking
    for _ in range(2):
        assert views.view(ADVICE, ADVICE.issued_at, FRESH_S) is not None

    with pytest.raises(MarketAwaited):
        views.view(ADVICE, ADVICE.issued_at, FRESH_S)

    views.begin()
    assert views.view(ADVICE, ADVICE.issued_at, FRESH_S) is not None


def test_the_contract_that_the_market_shows_is_the_one_decided_on() -> None:
    advised = a_call()
    view = RecommendedMarket().view(a_call(option=an_option(symbol="MSFT220414C00310000")))

    assert view is not None
    assert seen_through(advised, view).option == view.option
    assert seen_through(advised, None) is advised
