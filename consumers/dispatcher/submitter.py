"""Calls to the broker, side by side in threads; what came of them goes back to the one loop."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from accounts.decide import error_text
from brokers.broker import Broker, OrderRequest
from brokers.errors import (
    BrokerUnavailable,
    CredentialsRefused,
    OrderNotAccepted,
    OrderOutcomeUnclear,
    OrderRefused,
)
from consumers.dispatcher.facts import Fact, IsUnclear, KeyRefused, NeverSent, Reported, WasRefused
from consumers.dispatcher.submit_gate import Refusal, Refused, SubmitGate, Window
from consumers.logs import get_log
from events.identifiers import BrokerOrderId, ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """A look-up found nothing; whether that proves anything is the settling's question.

    `refusal` is what the broker said against the last attempt: once there is proven to be no order
    it is how it ended.
    """

    order: ClientOrderId
    at_elapsed_s: float
    refusal: OrderRefused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """A look-up was not answered: ask again."""

    order: ClientOrderId
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """The gate was shut before the attempt started: its fate is for the next owner of the seat."""

    order: ClientOrderId


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The broker takes no orders at this moment: proven not sent, and not to be sent at once."""

    fact: NeverSent

    @property
    def order(self) -> ClientOrderId:
        """Return the order that was turned away."""
        return self.fact.order


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked:
    """The broker was asked to cancel the order; `refusal` is what it said against it, if it did."""

    order: ClientOrderId
    refusal: str | None


Answer: TypeAlias = Fact | NotFound | NoAnswer | Withheld | TurnedAway | CancelAsked

THREADS: Final = 16


class Submitter:
    """Up to 16 calls to one account's broker at a time."""

    def __init__(self, broker: Broker, gate: SubmitGate, elapsed_s: Callable[[], float]) -> None:
        """Submit through `gate`; nothing is called yet."""
        self._broker = broker
        self._gate = gate
        self._elapsed_s = elapsed_s
        self._answers: SimpleQueue[Answer | BaseException] = SimpleQueue()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="submit")
        self._outstanding: Counter[ClientOrderId] = Counter()
        self._refusals: dict[ClientOrderId, OrderRefused] = {}
        self._closed = False

    @property
    def outstanding(self) -> int:
        """Return how many calls have not been answered to the loop yet."""
        return self._outstanding.total()

    def is_outstanding(self, order: ClientOrderId) -> bool:
        """Say whether a call about `order` is under way."""
        return order in self._outstanding

    def submit(self, request: OrderRequest, attempt: int, window: Window) -> None:
        """Start one attempt: at most one POST; none begins once window or gate are closed."""
        order = ClientOrderId(request.terms.client_order_id)
        self._refusals.pop(order, None)
        self._start(order, lambda: self._attempt(order, request, attempt, window))

    def cancel(self, order: ClientOrderId, broker_order_id: BrokerOrderId) -> None:
        """Start one attempt to cancel; what became of the order shows when it is looked up."""
        self._start(order, lambda: self._cancel(order, broker_order_id))

    def look_up(self, order: ClientOrderId) -> None:
        """Start one look-up."""
        self._start(order, lambda: self._find(order))

    def answers(self, timeout_s: float, *, all_of_them: bool) -> list[Answer]:
        """Return what has come back, waiting up to `timeout_s` for the first answer, or for all.

        Raises:
            Whatever a broker raised that is no `BrokerError`: that is a bug of ours.
        """
        found: list[Answer] = []
        deadline = time.monotonic() + timeout_s
        while self._outstanding:
            try:
                answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            if isinstance(answer, BaseException):
                raise answer
            self._outstanding -= Counter([answer.order])
            found.append(answer)
            if not all_of_them:
                deadline = 0.0
        return found

    def close(self) -> None:
        """Start nothing more; calls under way end by themselves."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, order: ClientOrderId, call: Callable[[], Answer]) -> None:
        if self._closed:
            return  # its fate is for the next owner of the seat
        self._outstanding[order] += 1
        self._threads.submit(self._run, call)

    def _run(self, call: Callable[[], Answer]) -> None:
        try:
            self._answers.put(call())
        except BaseException as error:  # noqa: BLE001 -- carried to the loop, which raises it there
            self._answers.put(error)

    def _attempt(
        self, order: ClientOrderId, request: OrderRequest, attempt: int, window: Window
    ) -> Answer:
        closes = request.terms.closes_position

        def last_word() -> None:
            refusal = self._gate.start(order, window, closes=closes)
            if refusal is not None:
                raise _KeptBack(refusal)

        with self._gate.attempt(order):
            refusal = self._gate.refusal(window, closes=closes)
            if refusal is not None:
                return _kept_back(order, attempt, refusal)
            try:
                report = self._broker.submit(replace(request, last_word=last_word))
            except _KeptBack as kept_back:
                return _kept_back(order, attempt, kept_back.refusal)
            except OrderRefused as error:
                return self._refused(order, attempt, error)
            except OrderNotAccepted as error:
                why = f"not accepted by the broker: {error}"
                return TurnedAway(NeverSent(order=order, why=why, attempt=attempt))
            except Exception as error:  # noqa: BLE001 -- as the next line says
                # A bug in an adapter tells no more of the order than a broken connection does.
                if not isinstance(error, OrderOutcomeUnclear):
                    self._say_bug(order, error)
                return IsUnclear(order=order, attempt=attempt, how=error_text(error))
            return Reported(order=order, report=report, looked_up=False)

    def _refused(self, order: ClientOrderId, attempt: int, refusal: OrderRefused) -> Answer:
        """A re-send may be refused for what its own hidden twin costs: that is no refusal.

        It becomes one when there is proven to be no twin.
        """
        if attempt == 1 or self._broker.ledger_is_final:
            return WasRefused(order=order, refusal=refusal)
        self._refusals[order] = refusal
        answer = self._find(order)
        if isinstance(answer, NotFound | NoAnswer | KeyRefused):
            then = "not found" if isinstance(answer, NotFound) else answer.why
            how = f"sent again and refused ({refusal}), and then: {then}"
            return IsUnclear(order=order, attempt=attempt, how=how)
        return answer

    def _find(self, order: ClientOrderId) -> Answer:
        asked_at = self._elapsed_s()
        try:
            report = self._broker.find(order)
        except CredentialsRefused as error:
            return KeyRefused(order=order, why=str(error))
        except BrokerUnavailable as error:
            return NoAnswer(order=order, why=str(error))
        except Exception as error:  # noqa: BLE001 -- a bug in an adapter is no answer
            self._say_bug(order, error)
            return NoAnswer(order=order, why=error_text(error))
        if report is None:
            return NotFound(order=order, at_elapsed_s=asked_at, refusal=self._refusals.get(order))
        self._refusals.pop(order, None)
        return Reported(order=order, report=report, looked_up=True)

    def _cancel(self, order: ClientOrderId, broker_order_id: BrokerOrderId) -> Answer:
        try:
            self._broker.cancel(broker_order_id)
        except Exception as error:  # noqa: BLE001 -- whatever it was: looking it up will tell
            return CancelAsked(order=order, refusal=error_text(error))
        return CancelAsked(order=order, refusal=None)

    def _say_bug(self, order: ClientOrderId, error: Exception) -> None:
        get_log().error("processing_error", order=order, error=error_text(error), exc_info=error)


class _KeptBack(Exception):  # noqa: N818 -- says what happened
    """The gate has let an attempt begin, and did not let it go out."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.refusal = refusal


def _kept_back(order: ClientOrderId, attempt: int, refusal: Refusal) -> Withheld | NeverSent:
    if refusal.kind is Refused.SHUT:
        return Withheld(order=order)
    held = refusal.kind is Refused.HELD
    return NeverSent(order=order, why=refusal.why, attempt=attempt, withheld=held)
