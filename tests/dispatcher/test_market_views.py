"""A market behind a wire is asked beside the loop, which waits for it while the advice is fresh."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from threading import Event

import pytest
from confluent_kafka import Message

from accounts.limits import LARGE
from brokers.broker import MarketView
from brokers.errors import BrokerUnavailable, NoQuote, QuestionRefused
from brokers.simulated import RecommendedMarket
from consumers.dispatcher.brokerage import views_of
from consumers.dispatcher.decider import Decider
from consumers.dispatcher.intake import Incoming
from consumers.dispatcher.market_views import (
    AHEAD,
    PAUSE_S,
    QUOTE_S_MAX,
    VIEW_S_MAX,
    Asking,
    MarketAwaited,
    MarketBeside,
    seen_through,
)
from events.codec import Codec
from events.decision import RecommendationDeclined
from events.envelope import Origin
from events.order import ExecutionMode
from events.recommendation import RecommendationIssued
from events.topics import RECOMMENDATIONS
from tests.builders import NOW, a_call, a_recommendation, an_account, an_author, an_option
from tests.projections.story import KnownSchemas

PATIENCE_S = 30.0
ADVICE = a_recommendation()
SEEN = RecommendedMarket().view(ADVICE)


class Stopwatch:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class SlowMarket:
    """Market data that answers when the test lets it, and is down until it is told to be up."""

    def __init__(self) -> None:
        self.up, self.may_answer, self.asked = True, Event(), list[int]()
        self.error: Exception | None = None
        self.may_answer.set()

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        self.asked.append(recommendation.recommendation_id)
        assert self.may_answer.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        if not self.up:
            raise BrokerUnavailable("no market data")
        return RecommendedMarket().view(recommendation)


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def market() -> SlowMarket:
    return SlowMarket()


@pytest.fixture
def views(market: SlowMarket, clock: Stopwatch) -> Iterator[MarketBeside]:
    made = MarketBeside(market, clock)
    yield made
    market.may_answer.set()
    made.close()


def is_awaited(
    views: MarketBeside, advice: RecommendationIssued = ADVICE, asking: Asking = Asking.WHILE_FRESH
) -> bool:
    """Say whether a view is waited for; by the next time what is under way has come."""
    try:
        views.view(advice, asking)
    except MarketAwaited:
        return True
    else:
        return False
    finally:
        while views.is_asking:
            views.wait(PATIENCE_S)


def test_a_slow_answer_is_waited_for_outside_the_loop(
    market: SlowMarket, views: MarketBeside
) -> None:
    # given: a market that keeps its answer back
    market.may_answer.clear()

    # when: the loop goes by as often as it likes
    for _ in range(3):
        with pytest.raises(MarketAwaited):
            views.view(ADVICE, Asking.WHILE_FRESH)
    assert views.is_asking

    # then: it was asked once, and its answer is taken when it is there
    market.may_answer.set()
    views.wait(PATIENCE_S)
    assert views.view(ADVICE, Asking.WHILE_FRESH) == SEEN
    assert market.asked == [ADVICE.recommendation_id]


def test_whoever_waited_is_told_that_an_answer_has_come_and_need_not_idle(
    market: SlowMarket, views: MarketBeside
) -> None:
    # given
    market.may_answer.clear()
    views.ahead([ADVICE], 1)
    assert not views.wait(0.0)
    # when
    market.may_answer.set()
    # then
    assert views.wait(PATIENCE_S)
    assert views.view(ADVICE, Asking.WHILE_FRESH) == SEEN
    assert not views.wait(0.0)  # nothing more is under way


def test_those_right_behind_are_asked_about_meanwhile_as_far_as_there_is_room(
    market: SlowMarket, views: MarketBeside
) -> None:
    coming = [a_recommendation(recommendation_id=number) for number in range(1, 10)]

    views.ahead(coming, room=2)
    is_awaited(views, coming[1])
    assert sorted(market.asked) == [1, 2]

    views.ahead(coming, room=9)
    is_awaited(views, coming[AHEAD])
    assert sorted(market.asked) == [1, 2, *range(3, AHEAD + 2)]


def test_a_market_that_is_down_is_asked_again_after_a_pause_and_by_the_first_alone(
    market: SlowMarket, views: MarketBeside, clock: Stopwatch
) -> None:
    market.up = False
    for _ in range(3):
        assert is_awaited(views)
    assert len(market.asked) == 1
    views.ahead([ADVICE, a_recommendation(recommendation_id=2)], room=9)
    assert len(market.asked) == 1

    market.up = True
    clock.seconds += PAUSE_S
    assert is_awaited(views)

    assert views.view(ADVICE, Asking.WHILE_FRESH) == SEEN


def test_a_view_that_has_waited_is_asked_for_anew(
    market: SlowMarket, views: MarketBeside, clock: Stopwatch
) -> None:
    assert is_awaited(views)
    clock.seconds += VIEW_S_MAX + 0.1

    assert is_awaited(views)

    assert views.view(ADVICE, Asking.WHILE_FRESH) == SEEN
    assert len(market.asked) == 2


def test_nobody_is_asked_for_what_is_declined_as_stale(
    market: SlowMarket, views: MarketBeside
) -> None:
    assert views.view(ADVICE, Asking.NEVER) is None

    assert market.asked == []


def test_old_advice_that_no_gate_minds_takes_the_next_answer_or_none(
    market: SlowMarket, views: MarketBeside
) -> None:
    market.up = False
    assert is_awaited(views, asking=Asking.ONCE)

    assert views.view(ADVICE, Asking.ONCE) is None
    assert views.view(ADVICE, Asking.ONCE) is None

    assert len(market.asked) == 1


@pytest.mark.parametrize("error", [NoQuote("nobody bids"), QuestionRefused("HTTP 400")])
def test_a_quote_is_waited_for_but_not_for_as_long_as_the_advice_is_fresh(
    market: SlowMarket, views: MarketBeside, clock: Stopwatch, error: BrokerUnavailable
) -> None:
    market.error = error
    for _ in range(4):
        assert is_awaited(views)
        clock.seconds += PAUSE_S

    clock.seconds += QUOTE_S_MAX
    assert is_awaited(views)

    assert views.view(ADVICE, Asking.WHILE_FRESH) is None


@pytest.mark.parametrize("ahead_s", [3, 4 * 3600])
def test_advice_from_the_future_holds_up_nothing_behind_it(
    market: SlowMarket, views: MarketBeside, ahead_s: int
) -> None:
    # given: a market that is down, and a Signal Engine whose clock is not ours
    market.up = False
    decider = Decider(
        author=an_author(),
        codec=Codec(KnownSchemas()),
        limits=LARGE,
        market=views,
        mode=ExecutionMode.ALPACA_PAPER,
        submit_window_ms=3000,
        answer_within_ms=13_000,
    )
    advice = a_recommendation(issued_at=NOW + timedelta(seconds=ahead_s))
    message = Message(topic=RECOMMENDATIONS.name, partition=0, offset=0)
    origin = Origin(topic=RECOMMENDATIONS.name, partition=0, offset=0)
    incoming = Incoming(message, origin, advice, None)

    done = decider.decide(an_account(), [incoming], NOW, log_offset=1, intents_max=1)

    [event] = done.events
    assert isinstance(event, RecommendationDeclined)
    assert "recommendation_freshness" in event.declined_by
    assert market.asked == []


def test_a_bug_in_an_adapter_is_no_market_that_is_down(
    market: SlowMarket, views: MarketBeside
) -> None:
    market.error = ZeroDivisionError("a bug was planted here")
    assert is_awaited(views)

    with pytest.raises(ZeroDivisionError):
        views.view(ADVICE, Asking.WHILE_FRESH)


def test_a_simulated_market_answers_in_the_loop(clock: Stopwatch) -> None:
    views = views_of(RecommendedMarket(), clock)

    assert views.view(ADVICE, Asking.NEVER) == SEEN
    assert not views.is_asking


def test_the_contract_is_as_liquid_as_the_market_says_and_as_dear_as_the_advice_said() -> None:
    advised = a_call()
    now = an_option(bid=Decimal("14.90"), ask=Decimal("15.10"), volume=7, open_interest=9)
    view = RecommendedMarket().view(a_call(option=now))

    assert seen_through(advised, view).option == an_option(volume=7, open_interest=9)
    assert seen_through(advised, RecommendedMarket().view(advised)) is advised
    assert seen_through(advised, None) is advised


def test_a_contract_that_the_market_chose_has_no_advised_price() -> None:
    view = RecommendedMarket().view(a_call(option=an_option(symbol="MSFT220414C00310000")))

    for advised in (a_call(option=None), a_call()):
        assert seen_through(advised, view).option == an_option(
            symbol="MSFT220414C00310000", bid=None, ask=None
        )
