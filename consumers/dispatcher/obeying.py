"""Commands and the break-glass while one has the seat: read, answered, and the answers durable."""

from datetime import datetime

from accounts.state import AccountState
from consumers.clock import Clock, SystemClock
from consumers.dispatcher.appending import ATTEMPTS, Appending
from consumers.dispatcher.command_log import CommandLog
from consumers.dispatcher.commanding import Commanding
from consumers.dispatcher.historical_clock import HistoricalClock
from consumers.dispatcher.holding import level_of
from consumers.dispatcher.submit_gate import Holder, Level
from consumers.dispatcher.telling import tell
from consumers.errors import SeatLost


class Obeying:
    """What one seat does about commands, whatever else it is waiting for."""

    def __init__(
        self, appending: Appending, commands: CommandLog, commanding: Commanding, clock: Clock
    ) -> None:
        """Answer `commands`; nothing is read yet."""
        self._appending = appending
        self._commands = commands
        self._commanding = commanding
        self._clock = clock

    @property
    def next_offset(self) -> int:
        """Return the offset after the last command that was read."""
        return self._commands.next_offset

    def begin(self) -> None:
        """Answer every command there is by now.

        Raises:
            SeatLost: That could not be written.
            ServiceUnreachable: The commands cannot be read.
        """
        state = self._appending.state
        self._commanding.take_in(self._commands.read_to_end(state.next_command_offset))
        for _ in range(ATTEMPTS):
            if self._obey():
                return
        raise SeatLost("what commands ask for could not be written")

    def obey(self) -> bool:
        """Answer what has come in; say whether nothing is left to."""
        self._commanding.take_in(self._commands.read_on())
        return self._obey()

    def _obey(self) -> bool:
        appending, gate = self._appending, self._appending.gate
        broken = gate.look_at_glass()
        if broken is None and not self._commanding.waits:
            return True
        state = appending.state
        answers = self._commanding.answers(
            state, self._time(state), log_offset=appending.next_offset, broken=broken
        )
        if answers.records:
            appending.hold_for(answers.events, answers.records, Holder.COMMAND)
            if not appending.transact(
                lambda: appending.seat.append(answers.records), answers.state
            ):
                return False
            for event in answers.events:
                tell(event)
        self._commanding.answered()
        gate.release(Holder.COMMAND)
        if level_of(appending.state.trading) is Level.CLOSED:
            gate.release(Holder.GLASS)  # the log holds it by now, and the file, if it is there
        return True

    def _time(self, state: AccountState) -> datetime:
        """Return what stands on answers: the history's time, but for before it has begun."""
        began = not isinstance(self._clock, HistoricalClock) or state.clock_at is not None
        return self._clock.now() if began else SystemClock().now()
