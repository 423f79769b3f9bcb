"""Open orders that are to be cancelled, and when to ask for it again."""

from collections.abc import Callable, Iterator
from typing import Final

from accounts.state import AccountState, OrderStatus
from events.identifiers import BrokerOrderId, ClientOrderId

FIRST_PAUSE_S: Final = 1.0
PAUSE_S_MAX: Final = 30.0


class Cancelling:
    """Follows from the account's state alone: a restart goes on where another left off."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        """Have asked for nothing yet."""
        self._elapsed_s = elapsed_s
        self._asked: dict[ClientOrderId, tuple[float, float]] = {}

    def due(self, state: AccountState) -> Iterator[tuple[ClientOrderId, BrokerOrderId]]:
        """Yield what the broker is to be asked now to cancel; it is asked until the order is over.

        An unresolved order comes up as soon as it turns out to be accepted, a stop and a target
        once their entry is over: with an entry the broker cancels them itself.
        """
        if not state.trading.cancel_open:
            self._asked.clear()
            return
        now = self._elapsed_s()
        for name, order in state.orders.items():
            if order.status is not OrderStatus.ACCEPTED or order.broker_order_id is None:
                continue
            if order.parent in state.orders:
                continue
            again_at_s, pause_s = self._asked.get(name, (now, FIRST_PAUSE_S))
            if again_at_s <= now:
                self._asked[name] = now + pause_s, min(PAUSE_S_MAX, pause_s * 2)
                yield name, order.broker_order_id
