"""What a process holds to look at topics with: a connection in the shared snapshot, a reader."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from consumers.cluster import Cluster
from consumers.projector.garbage import collecting_seldom
from consumers.projector.history import History
from consumers.projector.spreading import IsOver, OnPosition
from consumers.projector.verify_look import Look, Looking, Seen
from consumers.tables import snapshot
from events.codec import Codec
from projections.session import Connection
from projections.verify.gates import gates_as_shown


class Looker:
    """What a process needs to look at topics, one after another; opened when it is needed."""

    def __init__(self, cluster: Cluster, dsn: str, shared: str, codec: Codec) -> None:
        """Look at the tables in the snapshot that was exported as `shared`."""
        self._cluster = cluster
        self._dsn = dsn
        self._shared = shared
        self._codec = codec.with_gates(gates_as_shown)
        self._stack = ExitStack()
        self._opened: tuple[Connection, History] | None = None

    def __enter__(self) -> Self:
        """Return itself; garbage is looked for seldom from now on."""
        self._stack.enter_context(collecting_seldom())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let connections go."""
        self._stack.__exit__(kind, error, trace)

    def __call__(self, look: Look, note: OnPosition, is_over: IsOver) -> list[Seen]:
        """Read one topic; hold what grows with it against its rows on the way.

        Raises:
            ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer.
        """
        if self._opened is None:
            connection = self._stack.enter_context(snapshot(self._dsn, self._shared))
            history = self._stack.enter_context(History(self._cluster, self._codec))
            self._opened = connection, history
        return Looking(*self._opened, self._codec, look).seen(note, is_over)
