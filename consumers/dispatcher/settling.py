"""Orders of which the broker has to be asked: when to ask, and what finding nothing proves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from accounts.state import OpenOrder, OrderStatus
from consumers.dispatcher.submitter import NotFound
from events.identifiers import ClientOrderId

ABSENCES_NEEDED: Final = 2
FIRST_PAUSE_S: Final = 0.25
PAUSE_S_MAX: Final = 5.0
LEGS_PAUSE_S_MAX: Final = 30.0
"""Stops and targets rest for days: what becomes of them is told, and asked for now and then."""

TOLD_PAUSE_S_MAX: Final = 30.0
"""So is what becomes of any accepted order, while the broker tells it: a connection that has died
without a word is found out no later."""

EACH_S: Final = 0.5
EACH_TOLD_S: Final = 1.5
"""The least time between two questions about accepted orders: many of them share what requests
there are with new orders. Orders whose fate is unknown do not wait for them."""


class _Need(IntEnum):
    """What is known of an order: the less, the sooner it is asked about."""

    UNKNOWN = 0
    WORKING = 1
    RESTING = 2


@dataclass(slots=True)
class _Question:
    ask_at_s: float
    quiet_until_s: float
    pause_s: float = FIRST_PAUSE_S
    need: _Need = _Need.UNKNOWN
    absences: int = 0


class Settling:
    """Which orders must be looked up. All times are seconds of the dispatcher's own clock."""

    def __init__(self, elapsed_s: Callable[[], float], *, ledger_is_final: bool) -> None:
        """Ask about nothing yet; a final ledger's first "not found" is proof."""
        self._elapsed_s = elapsed_s
        self._ledger_is_final = ledger_is_final
        self._questions: dict[ClientOrderId, _Question] = {}
        self._asked_as: dict[ClientOrderId, ClientOrderId] = {}
        self._told_by = 0

    def __contains__(self, order: object) -> bool:
        """Say whether the broker is being asked about an order."""
        return order in self._questions

    def watch(self, orders: Iterable[OpenOrder]) -> None:
        """Start asking about `orders`.

        The quiet time in which absence proves nothing is counted from now: from the seat or from
        the attempt, whichever is later, since an earlier owner's POST may still be on its way.
        The stop and the target of a bracket are asked about by their entry's name.
        """
        now, needs = self._elapsed_s(), dict[ClientOrderId, _Need]()
        for order in orders:
            name = order.parent or order.client_order_id
            if order.parent is not None:
                self._asked_as[order.client_order_id] = order.parent
            needs[name] = need = min(needs.get(name, _Need.RESTING), _need_of(order))
            told = self._told_by and need is not _Need.UNKNOWN  # of most there is word by then
            question = self._questions.setdefault(
                name,
                _Question(
                    ask_at_s=now + (FIRST_PAUSE_S if told else 0.0),
                    quiet_until_s=now + order.answer_within_ms / 1000,
                ),
            )
            question.need = need

    def forget(self, order: ClientOrderId) -> None:
        """Stop asking: its fate is known."""
        self._questions.pop(order, None)
        if order in self._asked_as.values():
            kept = {leg: name for leg, name in self._asked_as.items() if name != order}
            self._asked_as = kept

    def found(self, order: ClientOrderId) -> None:
        """Begin anew to count how often the broker has no such order: it has it."""
        question = self._questions.get(self._asked_as.get(order, order))
        if question is not None:
            question.absences = 0

    def hasten(self, order: ClientOrderId) -> None:
        """Ask about an order at once: something was done about it."""
        question = self._questions.get(self._asked_as.get(order, order))
        if question is not None:
            question.ask_at_s = self._elapsed_s()
            question.pause_s = FIRST_PAUSE_S

    def told_by(self, connection: int) -> None:
        """Know by which of its connections the broker tells what becomes of orders, 0: by none.

        Each change hastens every question, once: what became of orders meanwhile nobody has told.
        """
        if connection == self._told_by:
            return
        self._told_by, now = connection, self._elapsed_s()
        for question in self._questions.values():
            question.ask_at_s = min(question.ask_at_s, now)

    def clear(self) -> None:
        """Stop asking about anything."""
        self._questions.clear()
        self._asked_as.clear()

    def due(self, at_most: int | None = None) -> list[ClientOrderId]:
        """Return what is to be asked now; each next question about it waits twice as long.

        Of more than `at_most` those come first of which the least is known; the rest stays due.
        """
        now = self._elapsed_s()
        due = [order for order, question in self._questions.items() if question.ask_at_s <= now]
        if at_most is not None and len(due) > at_most:
            due.sort(
                key=lambda order: (self._questions[order].need, self._questions[order].ask_at_s)
            )
            del due[max(0, at_most) :]
        for order in due:
            question = self._questions[order]
            most_s = self._pause_s_max(question.need)
            question.ask_at_s = now + min(most_s, question.pause_s)
            question.pause_s = min(most_s, question.pause_s * 2)
        return due

    def proves_absence(self, answer: NotFound) -> bool:
        """Say whether this "not found", with those before it, proves that there is no order."""
        question = self._questions.get(answer.order)
        if question is None:
            return False
        if self._ledger_is_final:
            return True
        if answer.at_elapsed_s >= question.quiet_until_s:
            question.absences += 1
        return question.absences >= ABSENCES_NEEDED

    def _pause_s_max(self, need: _Need) -> float:
        if need is _Need.UNKNOWN or self._ledger_is_final:
            return LEGS_PAUSE_S_MAX if need is _Need.RESTING else PAUSE_S_MAX
        each_s = EACH_TOLD_S if self._told_by else EACH_S
        slow = need is _Need.RESTING or self._told_by
        most_s = TOLD_PAUSE_S_MAX if slow else PAUSE_S_MAX
        return max(most_s, each_s * len(self._questions))


def _need_of(order: OpenOrder) -> _Need:
    if order.parent is not None and order.broker_order_id is not None:
        return _Need.RESTING
    return _Need.WORKING if order.status is OrderStatus.ACCEPTED else _Need.UNKNOWN
