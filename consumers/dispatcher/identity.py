"""Whose account it is at the broker: nothing is sent, asked or believed before that is known.

Where the broker does not answer, the seat is held all the same: halts and stale advice are
answered meanwhile, and it is asked again beside the loop.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from brokers.broker import Broker, BrokerAccount
from brokers.errors import BrokerUnavailable, CredentialsRefused
from consumers.errors import ConfigurationError
from consumers.logs import get_log

PAUSE_S: Final = 0.25
PAUSE_S_MAX: Final = 5.0


class Identity:
    """Asks `broker` until it has said whose account it is; `check` raises where it is another.

    `refused` is told what the broker says where it does not know our key, before that is raised.
    """

    def __init__(
        self,
        broker: Broker,
        check: Callable[[BrokerAccount], None],
        elapsed_s: Callable[[], float],
        refused: Callable[[str], None],
    ) -> None:
        """Know nothing, and ask for it."""
        self._broker = broker
        self._check = check
        self._elapsed_s = elapsed_s
        self._refused = refused
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="identify")
        self._asked: Future[BrokerAccount] | None = None
        self._ask_at_s = elapsed_s()
        self._pause_s = PAUSE_S
        self._is_known = False

    def is_known(self) -> bool:
        """Say whether the broker has named the account that it should.

        Raises:
            ConfigurationError: It has named another one, which may not trade, or does not know
                our key.
        """
        if self._is_known:
            return True
        if self._asked is None:
            if self._elapsed_s() >= self._ask_at_s:
                self._asked = self._thread.submit(self._broker.account)
            return False
        if not self._asked.done():
            return False
        asked, self._asked = self._asked, None
        try:
            self._check(asked.result())
        except CredentialsRefused as error:
            self._refused(str(error))
            raise ConfigurationError(f"the broker refuses our credentials: {error}") from error
        except BrokerUnavailable as error:
            get_log().warning("broker_unavailable", error=str(error))
            self._ask_at_s = self._elapsed_s() + self._pause_s
            self._pause_s = min(PAUSE_S_MAX, self._pause_s * 2)
            return False
        self._is_known = True
        self.close()
        return True

    def close(self) -> None:
        """Ask no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
