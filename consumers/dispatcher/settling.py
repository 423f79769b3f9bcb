"""Orders of which the broker has to be asked: when to ask, and what finding nothing proves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from accounts.state import OpenOrder
from consumers.dispatcher.submitter import NotFound
from events.identifiers import ClientOrderId

ABSENCES_NEEDED: Final = 2
FIRST_PAUSE_S: Final = 0.25
PAUSE_S_MAX: Final = 5.0
LEGS_PAUSE_S_MAX: Final = 30.0
"""Stops and targets rest for days: what becomes of them is told, and asked for now and then."""


@dataclass(slots=True)
class _Question:
    ask_at_s: float
    quiet_until_s: float
    pause_s: float = FIRST_PAUSE_S
    pause_s_max: float = PAUSE_S_MAX
    absences: int = 0


class Settling:
    """Which orders must be looked up. All times are seconds of the dispatcher's own clock."""

    def __init__(self, elapsed_s: Callable[[], float], *, ledger_is_final: bool) -> None:
        """Ask about nothing yet; a final ledger's first "not found" is proof."""
        self._elapsed_s = elapsed_s
        self._ledger_is_final = ledger_is_final
        self._questions: dict[ClientOrderId, _Question] = {}
        self._asked_as: dict[ClientOrderId, ClientOrderId] = {}

    def __contains__(self, order: object) -> bool:
        """Say whether the broker is being asked about an order."""
        return order in self._questions

    def watch(self, orders: Iterable[OpenOrder]) -> None:
        """Start asking about `orders`.

        The quiet time in which absence proves nothing is counted from now: from the seat or from
        the attempt, whichever is later, since an earlier owner's POST may still be on its way.
        The stop and the target of a bracket are asked about by their entry's name.
        """
        now, hurried = self._elapsed_s(), set[ClientOrderId]()
        for order in orders:
            name = order.parent or order.client_order_id
            if order.parent is not None:
                self._asked_as[order.client_order_id] = order.parent
            if order.parent is None or order.broker_order_id is None:
                hurried.add(name)
            question = self._questions.setdefault(
                name, _Question(ask_at_s=now, quiet_until_s=now + order.answer_within_ms / 1000)
            )
            question.pause_s_max = PAUSE_S_MAX if name in hurried else LEGS_PAUSE_S_MAX

    def forget(self, order: ClientOrderId) -> None:
        """Stop asking: its fate is known."""
        self._questions.pop(order, None)
        if order in self._asked_as.values():
            kept = {leg: name for leg, name in self._asked_as.items() if name != order}
            self._asked_as = kept

    def hasten(self, order: ClientOrderId) -> None:
        """Ask about an order at once: something was done about it."""
        question = self._questions.get(self._asked_as.get(order, order))
        if question is not None:
            question.ask_at_s = self._elapsed_s()
            question.pause_s = FIRST_PAUSE_S

    def clear(self) -> None:
        """Stop asking about anything."""
        self._questions.clear()
        self._asked_as.clear()

    def due(self) -> list[ClientOrderId]:
        """Return what is to be asked now; each next question about it waits twice as long."""
        now = self._elapsed_s()
        due = [order for order, question in self._questions.items() if question.ask_at_s <= now]
        for order in due:
            question = self._questions[order]
            question.ask_at_s = now + question.pause_s
            question.pause_s = min(question.pause_s_max, question.pause_s * 2)
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
