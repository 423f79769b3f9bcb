"""The broker's books while one has the seat: looked at, held against ours, what differs written."""

from collections.abc import Callable

from brokers.errors import CredentialsRefused
from consumers.dispatcher.appending import Appending
from consumers.dispatcher.bookkeeping import entries
from consumers.dispatcher.orders import Orders
from consumers.dispatcher.outcomes import Writer
from consumers.dispatcher.reconciler import Found, Look, Reconciler
from consumers.dispatcher.submit_gate import Holder
from consumers.dispatcher.telling import tell


class Auditing:
    """What one seat does about books; without a `reconciler` there are none but ours."""

    def __init__(self, appending: Appending, orders: Orders, reconciler: Reconciler | None) -> None:
        """Look at nothing yet."""
        self._appending = appending
        self._orders = orders
        self._reconciler = reconciler
        self._found: Look | None = None

    def refused(self, refusal: CredentialsRefused) -> None:
        """Take up that our key was refused elsewhere: it halts the account as it would here."""
        self._found = self._found or refusal

    def audit(self, writer: Callable[[], Writer]) -> bool:
        """Hold our books against the broker's when it is time to; say whether one may decide.

        Nothing is decided before a seat's first look has come back, with whatever result.
        """
        reconciler, appending = self._reconciler, self._appending
        if reconciler is None:
            return True
        if self._found is None:
            self._found = reconciler.look(appending.state)
            if isinstance(self._found, Found):
                self._orders.told(self._found.comparison.known)
                self._orders.cancel_late(self._found.comparison.late)
        if self._found is None:
            return reconciler.has_looked
        told = entries(appending.state, self._found, writer(), appending.decider.record)
        if told.records:
            appending.hold_for(told.events, told.records, Holder.RECONCILING)
            if not appending.transact(lambda: appending.seat.append(told.records), told.state):
                return False
            for event in told.events:
                tell(event)
        self._found = None
        appending.gate.release(Holder.RECONCILING)
        return reconciler.has_looked

    def close(self) -> None:
        """Look no more."""
        if self._reconciler is not None:
            self._reconciler.close()
