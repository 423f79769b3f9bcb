"""Which old executions stand in an account's log already: the log alone says so."""

import time
from collections.abc import Callable
from typing import Final

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.offsets import high_watermark
from consumers.scan import scan
from events.account import AccountOpened, LegacyExecutionImported
from events.codec import Codec, Undecodable
from events.identifiers import AccountName
from events.topics import log_of

_PATIENCE_S: Final = 20.0


class ImportedInto:
    """The executions that one account's log has, as far as it was read."""

    def __init__(self, cluster: Cluster, account: AccountName, codec: Codec) -> None:
        """Stand at the head of the log; nothing is read yet."""
        self._cluster = cluster
        self._codec = codec
        self._topic = log_of(account).name
        self._next_offset = 0
        self.account: Final = account
        self.ids: Final[set[bytes]] = set()
        self.opened: AccountOpened | None = None

    def read_on(self, on_progress: Callable[[int, int], None] = lambda _at, _end: None) -> None:
        """Read to the end that committed records have now; decode only what was imported.

        Raises:
            ConfigurationError: There is no such log, or a record in it is no event.
            ServiceUnreachable: Kafka does not answer.
        """

        def progress(at: int, end: int) -> None:
            self._next_offset = at
            on_progress(at, end)

        for message in scan(self._cluster, self._topic, progress, start=self._next_offset):
            try:
                self._take(message.value())
            except Undecodable as error:
                raise ConfigurationError(
                    f"{message.topic()} offset {message.offset()} is no event of {self.account}: "
                    f"{error}. Find out who wrote there before anything is added"
                ) from error

    def read_all(self) -> None:
        """Read to the end that the log has now, an open transaction included; errors as `read_on`.

        For whoever has the seat: nobody else's transaction is under way any more.
        """
        end = high_watermark(self._cluster.bootstrap_servers, self._cluster.topic(self._topic))
        deadline = time.monotonic() + _PATIENCE_S
        self.read_on()
        while self._next_offset < end:
            if time.monotonic() > deadline:
                raise ServiceUnreachable(
                    f"{self._topic} cannot be read past offset {self._next_offset} of {end}: a "
                    "transaction hangs open; try again"
                )
            time.sleep(0.05)
            self.read_on()

    def _take(self, value: bytes | str | None) -> None:
        data = value.encode() if isinstance(value, str) else value
        kind = self._codec.type_of(data)
        if kind is LegacyExecutionImported or (kind is AccountOpened and self.opened is None):
            event = self._codec.decode(data)
            if isinstance(event, LegacyExecutionImported):
                self.ids.add(event.execution_id.bytes)
            elif isinstance(event, AccountOpened):
                self.opened = event
