"""Orders proven never to have been sent: each waits for its pause, and for room at the broker.

What follows from that, `OrderResent` or a failure, is told when the wait is over.
"""

from collections.abc import Callable
from typing import Final

from consumers.dispatcher.facts import NeverSent
from events.identifiers import ClientOrderId

TURNED_AWAY_PAUSE_S: Final = 0.25
TURNED_AWAY_PAUSE_S_MAX: Final = 30.0


class Resending:
    """What waits to be sent again. All times are seconds of the dispatcher's own clock."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        """Hold nothing back yet."""
        self._elapsed_s = elapsed_s
        self._waiting: dict[ClientOrderId, tuple[float, NeverSent]] = {}

    def __len__(self) -> int:
        """Return how many orders wait."""
        return len(self._waiting)

    def __contains__(self, order: object) -> bool:
        """Say whether an order waits."""
        return order in self._waiting

    def hold_back(self, fact: NeverSent, pause_s: float = 0.0) -> None:
        """Let an order wait for room, for `pause_s` at least."""
        self._waiting[fact.order] = self._elapsed_s() + pause_s, fact

    def turned_away(self, fact: NeverSent) -> None:
        """Let an order wait that the broker would not take: twice as long after each attempt."""
        pause_s = TURNED_AWAY_PAUSE_S * 2 ** min(fact.attempt or 1, 10)
        self.hold_back(fact, min(TURNED_AWAY_PAUSE_S_MAX, pause_s))

    def forget(self, order: ClientOrderId) -> None:
        """Let an order go: it has shown up at the broker, so it was sent."""
        self._waiting.pop(order, None)

    def due(self, room: int) -> list[NeverSent]:
        """Let those go, and return them, whose pause is over: at most `room`, in their order."""
        now = self._elapsed_s()
        due = [fact for due_s, fact in self._waiting.values() if due_s <= now][:room]
        for fact in due:
            del self._waiting[fact.order]
        return due

    def all(self) -> list[NeverSent]:
        """Let all go, and return them: while trading is held none of them is sent again."""
        waiting = [fact for _, fact in self._waiting.values()]
        self._waiting.clear()
        return waiting
