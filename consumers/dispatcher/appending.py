"""Appending to the log of the seat that one has: what is committed becomes the state."""

import time
from collections.abc import Callable
from typing import Final

from accounts.evolve import evolve
from accounts.state import AccountState
from consumers.dispatcher.decider import Decider
from consumers.dispatcher.holding import follow, hold_for
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.seat import Record, Seat, TransactionAborted
from consumers.dispatcher.submit_gate import Holder, SubmitGate
from consumers.errors import SeatLost
from consumers.logs import get_log
from events.catalog import LogEvent

ABORT_PAUSE_S_MAX: Final = 1.0
ATTEMPTS: Final = 5


class Appending:
    """The one way into an account's log; the gate follows what gets there."""

    def __init__(self, log: AccountLog, seat: Seat, gate: SubmitGate, decider: Decider) -> None:
        """Append through `seat`; `log` is the account as it is folded so far."""
        self.seat: Final = seat
        self.gate: Final = gate
        self.decider: Final = decider
        self._log = log
        self._aborts_in_row = 0
        self._say = get_log(account_name=decider.author.account)

    @property
    def state(self) -> AccountState:
        """Return the account as committed."""
        return self._log.state

    @property
    def next_offset(self) -> int:
        """Return the offset after the last event that was read or written."""
        return self._log.next_offset

    def transact(self, write: Callable[[], dict[str, int]], state: AccountState) -> bool:
        """Let `write` commit what makes `state`; say whether it happened: if not, nothing has.

        Raises:
            SeatLost: Nobody knows, or the seat is somebody else's.
        """
        try:
            ends = write()
        except TransactionAborted as error:
            # The scratch state was never ours, and its input is still held: it is taken again.
            self._say.info("transaction_aborted", error=str(error))
            time.sleep(min(ABORT_PAUSE_S_MAX, 0.005 * 2**self._aborts_in_row))
            self._aborts_in_row = min(self._aborts_in_row + 1, 10)
            # What broke off takes offsets of the log, which the next decision must not count on.
            self._log.read_to_end(all_of_it=True)
            return False
        self._aborts_in_row = 0
        self._log.wrote(state, ends)
        follow(self.gate, state.trading)
        return True

    def append(self, event: LogEvent) -> None:
        """Append one event that is about no recommendation.

        Raises:
            SeatLost: It could not be written.
        """
        record = self.decider.record(event)
        for _ in range(ATTEMPTS):
            if self.transact(lambda: self.seat.append([record]), evolve(self.state, event)):
                return
        raise SeatLost(f"{type(event).__name__} could not be written")

    def hold_for(self, events: list[LogEvent], records: list[Record], holder: Holder) -> None:
        """Hold the gate for every halt among `events`, about to be appended as `records`."""
        hold_for(events, records, self.gate, holder, self.decider.record)
