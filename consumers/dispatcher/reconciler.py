"""When the broker's books are asked for, and what is made of them: beside the loop, not in it.

A difference counts once two looks in a row have found it, each against our books before and after
the question: what moves meanwhile is none.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from accounts.decide import error_text
from accounts.state import AccountState
from brokers.books import BrokerBooks, KeepsBooks
from brokers.errors import BrokerUnavailable, CredentialsRefused
from consumers.clock import Clock
from consumers.dispatcher.reconciling import Comparison, compare
from consumers.foreign import HALTING, ForeignPolicy
from consumers.logs import get_log

LOOK_BACK: Final = timedelta(days=7)
"""How far a seat's first look goes back, though not to before the account was opened."""

OVERLAP: Final = timedelta(hours=1)
RECHECK_S: Final = 2.0
"""How soon a difference is looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One look at the broker's books; `confirmed` are the differences found twice in a row."""

    books: BrokerBooks
    comparison: Comparison
    confirmed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnotherAccount:
    """The books are those of account `number`, not of the one that the log was opened for."""

    number: str


Look: TypeAlias = Found | CredentialsRefused | AnotherAccount
"""What a look at the broker's books may come to, but for no answer."""


class Reconciler:
    """Asks for the books of one seat's account, in a thread of its own."""

    def __init__(
        self,
        broker: KeepsBooks,
        clock: Clock,
        interval_ms: int,
        policy: ForeignPolicy = HALTING,
    ) -> None:
        """Ask at the first turn, then every `interval_ms`."""
        self._policy = policy
        self._broker = broker
        self._clock = clock
        self._interval_s = interval_ms / 1000
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reconcile")
        self._due_s = clock.elapsed_s()
        self._asked: tuple[Future[BrokerBooks], AccountState] | None = None
        self._newest: BrokerBooks | None = None
        self._suspected: frozenset[str] = frozenset()
        self._closed = False
        self.has_looked = False
        """Whether a first look has come back, and a second where the first was suspicious."""

    def look(self, state: AccountState) -> Look | None:
        """Ask when it is time to; return what came back since the last turn, None if nothing."""
        if self._asked is None:
            if not self._closed and self._clock.elapsed_s() >= self._due_s:
                self._ask(state)
            return None
        answer, before = self._asked
        if not answer.done():
            return None
        self._asked, again = None, self.has_looked or self._newest is not None
        self.has_looked = True
        self._due_s = self._clock.elapsed_s() + self._interval_s
        try:
            books = answer.result()
        except CredentialsRefused as refusal:
            return refusal
        except BrokerUnavailable as error:
            get_log().warning("reconciliation_unavailable", error=str(error))
            return None
        except Exception as error:  # noqa: BLE001 -- a bug in an adapter stops no trading
            get_log().error("processing_error", error=error_text(error), exc_info=error)
            return None
        found = self._weighed(books, before, state)
        self.has_looked = again or not self._suspected
        return found

    def close(self) -> None:
        """Ask no more; what is under way ends by itself."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self, state: AccountState) -> None:
        asked_at = self._clock.now()
        since = asked_at - LOOK_BACK
        if self._newest is not None:
            since = self._newest.asked_at - OVERLAP
        if state.opened is not None:
            since = max(since, state.opened.envelope.occurred_at)
        self._asked = self._thread.submit(self._broker.books, since, asked_at), state

    def _weighed(
        self, books: BrokerBooks, before: AccountState, state: AccountState
    ) -> Found | AnotherAccount:
        if state.opened is not None and books.account.number != state.opened.broker_account_number:
            return AnotherAccount(books.account.number)
        self._newest = books
        comparison = compare(state, books, self._policy)
        then = compare(before, books, self._policy)
        settled = set(then.differences)
        differences = [one for one in comparison.differences if one in settled]
        # What ended while the books were on their way is in them as it was.
        late = tuple(report for report in comparison.late if report in then.late)
        doubtful = len(late) < len(comparison.late)
        comparison = replace(comparison, late=late)
        confirmed = tuple(one for one in differences if one in self._suspected)
        self._suspected = frozenset(differences)
        if doubtful or len(confirmed) < len(comparison.differences):
            self._due_s = self._clock.elapsed_s() + min(self._interval_s, RECHECK_S)
        return Found(books=books, comparison=comparison, confirmed=confirmed)
