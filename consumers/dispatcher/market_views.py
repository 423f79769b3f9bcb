"""The market as the loop takes it before a decision: asked beside the loop, and waited for."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Final, Protocol

from brokers.broker import MarketData, MarketView
from brokers.errors import BrokerUnavailable, CredentialsRefused, NoQuote, QuestionRefused
from consumers.logs import get_log
from events.recommendation import RecommendationIssued

AHEAD: Final = 4
"""How many are asked about side by side: the first that waits, and those right behind it."""

VIEW_S_MAX: Final = 2.0
"""How long ago a view may have come when it is decided on; after that it is asked for again."""

QUOTE_S_MAX: Final = 10.0
"""How long a quote is waited for where the market answers without one: what is behind it waits as
well, and one stock that nobody trades must not make all other advice stale."""

PAUSE_S: Final = 0.5
"""How long a market that did not answer is left alone."""


class MarketAwaited(Exception):  # noqa: N818 -- no error: this recommendation waits for its market
    """There is no view yet and there may be one: decide nothing from here on, ask again later."""


class Asking(Enum):
    """How long a recommendation's market is waited for."""

    WHILE_FRESH = "its advice is fresh: a market that does not answer is asked again"
    ONCE = "its advice is old, and no gate minds: whatever the next answer is, is taken"
    NEVER = "it is declined whatever the market says, as stale or by a halt: nobody is asked"


class MarketViews(Protocol):
    """One account's view of the market."""

    @property
    def is_asking(self) -> bool:
        """Whether answers are under way."""
        ...

    def ahead(self, coming: Iterable[RecommendationIssued], room: int) -> None:
        """Know what may be ordered next, in its order, and how much of it there is room for now.

        Nothing else is waited for any more.
        """
        ...

    def view(self, recommendation: RecommendationIssued, asking: Asking) -> MarketView | None:
        """Return the market of what is recommended, None where there is none.

        Raises:
            MarketAwaited: Ask again in the next turn.
        """
        ...

    def refusal(self) -> CredentialsRefused | None:
        """Return, once, that our key was refused since the last call."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait for an answer that is under way, for so long; return whether one has come."""
        ...

    def close(self) -> None:
        """Ask no more; what is under way ends by itself."""
        ...


class MarketAtHand:
    """A market that answers at once, without a wire: the simulated one."""

    is_asking: Final = False

    def __init__(self, market: MarketData) -> None:
        """Ask `market`, in the loop."""
        self._market = market

    def ahead(self, coming: Iterable[RecommendationIssued], room: int) -> None:
        """See `MarketViews.ahead`."""

    def view(self, recommendation: RecommendationIssued, _asking: Asking) -> MarketView | None:
        """See `MarketViews.view`."""
        return self._market.view(recommendation)

    def refusal(self) -> CredentialsRefused | None:
        """See `MarketViews.refusal`; there is no key."""
        return None

    def wait(self, timeout_s: float) -> bool:  # noqa: ARG002 -- there is nothing to wait for
        """See `MarketViews.wait`; nothing is under way."""
        return False

    def close(self) -> None:
        """See `MarketViews.close`."""


@dataclass(frozen=True, slots=True)
class _Answer:
    view: MarketView | None
    came_at_s: float


class MarketBeside:
    """A market behind a wire, asked in threads of its own: a slow answer holds up no command.

    `elapsed_s` is the dispatcher's own clock in seconds.
    """

    def __init__(self, market: MarketData, elapsed_s: Callable[[], float]) -> None:
        """Ask `market`; nothing is asked yet."""
        self._market = market
        self._elapsed_s = elapsed_s
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="market")
        self._asked: dict[int, Future[_Answer]] = {}
        self._asked_again_s = 0.0
        self._answers = True
        self._quoteless_since: dict[int, float] = {}
        self._refusal: CredentialsRefused | None = None

    @property
    def is_asking(self) -> bool:
        """See `MarketViews.is_asking`."""
        return any(not answer.done() for answer in self._asked.values())

    def ahead(self, coming: Iterable[RecommendationIssued], room: int) -> None:
        """See `MarketViews.ahead`; the first few are asked about at once, while answers come."""
        wanted = {advice.recommendation_id: advice for advice in islice(coming, AHEAD)}
        for number in self._asked.keys() - wanted.keys():
            self._asked.pop(number).cancel()
        if self._answers:
            for number, advice in islice(wanted.items(), room):
                if number not in self._asked:
                    self._ask(advice)

    def view(self, recommendation: RecommendationIssued, asking: Asking) -> MarketView | None:
        """See `MarketViews.view`."""
        number, now_s = recommendation.recommendation_id, self._elapsed_s()
        if asking is Asking.NEVER:
            return None
        answer = self._asked.get(number)
        if answer is None:
            if now_s >= self._asked_again_s:
                self._ask(recommendation)
            elif asking is Asking.ONCE:
                return None
            raise MarketAwaited
        if not answer.done():
            raise MarketAwaited
        try:
            found = answer.result()
        except BrokerUnavailable as error:
            self._went_unanswered(recommendation, error)
            if asking is Asking.ONCE or self._has_waited(number, error):
                return None
            raise MarketAwaited from error
        except Exception:
            del self._asked[number]
            raise
        self._answers = True
        if now_s - found.came_at_s > VIEW_S_MAX:
            self._ask(recommendation)
            raise MarketAwaited
        return found.view

    def refusal(self) -> CredentialsRefused | None:
        """See `MarketViews.refusal`."""
        found, self._refusal = self._refusal, None
        return found

    def wait(self, timeout_s: float) -> bool:
        """See `MarketViews.wait`."""
        under_way = [answer for answer in self._asked.values() if not answer.done()]
        return bool(wait(under_way, timeout_s, return_when=FIRST_COMPLETED).done)

    def close(self) -> None:
        """See `MarketViews.close`."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _has_waited(self, number: int, error: BrokerUnavailable) -> bool:
        if not isinstance(error, NoQuote | QuestionRefused):
            return False
        now_s = self._elapsed_s()
        self._quoteless_since = {number: self._quoteless_since.get(number, now_s)}
        return now_s - self._quoteless_since[number] >= QUOTE_S_MAX

    def _went_unanswered(self, advice: RecommendationIssued, error: BrokerUnavailable) -> None:
        """Leave the market alone for a moment, and what it did not answer is to be asked anew."""
        if isinstance(error, CredentialsRefused):
            self._refusal = error
        if self._answers:  # told once, not at each of the many times that it is asked again
            get_log().warning(
                "market_unavailable",
                recommendation_id=advice.recommendation_id,
                ticker=advice.ticker,
                error=str(error),
            )
        self._answers, self._asked_again_s = False, self._elapsed_s() + PAUSE_S
        for number, answer in list(self._asked.items()):
            if answer.done() and isinstance(answer.exception(), BrokerUnavailable):
                del self._asked[number]

    def _ask(self, recommendation: RecommendationIssued) -> None:
        def asked() -> _Answer:
            view = self._market.view(recommendation)
            return _Answer(view, self._elapsed_s())

        self._asked[recommendation.recommendation_id] = self._threads.submit(asked)


def seen_through(
    recommendation: RecommendationIssued, view: MarketView | None
) -> RecommendationIssued:
    """Return the advice with its option contract as the market has it: chosen, and how liquid.

    Bid and ask stay those that the advice was given at, none where it named none: what the market
    asks now is in the view, and held against itself would never have left the collar.
    """
    if view is None or view.option is None:
        return recommendation
    advised = recommendation.option
    if advised is None or advised.symbol != view.option.symbol:
        return replace(recommendation, option=replace(view.option, bid=None, ask=None))
    seen = replace(view.option, bid=advised.bid, ask=advised.ask)
    return recommendation if seen == advised else replace(recommendation, option=seen)
