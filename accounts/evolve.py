"""One event onto an account's state: pure, total, idempotent."""

from accounts.state import AccountState
from events.catalog import LogEvent


def evolve(state: AccountState, event: LogEvent) -> AccountState:
    """Return the account after `event`; any event twice is that event once.

    Never raises on a legal type: an illegal transition counts as one incident and changes nothing
    else.
    """
    raise NotImplementedError
