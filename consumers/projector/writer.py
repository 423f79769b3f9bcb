"""The thread that writes: PostgreSQL works on one batch while the next is read and made ready."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from consumers.projector.lane import Lane
from projections.checkpoints import Offsets, Partition
from projections.engine import Applied
from projections.prepared import Prepared, Stretch


@dataclass(slots=True)
class Part:
    """What one lane gets of a batch: it is made ready once, by whoever has the time for it.

    The batch's owner does it: the projector while PostgreSQL works on the batch before, else the
    writer, just before it writes it, so that no lane waits for what the lanes behind it need.
    """

    lane: Lane
    positions: Offsets
    stretch: Callable[[], Stretch]
    _prepared: Prepared | None = field(default=None, init=False)

    def prepare(self) -> Prepared:
        """Make it ready unless it is."""
        if self._prepared is None:
            self._prepared = self.lane.prepare(self.stretch())
        return self._prepared

    def write(self, since: Offsets) -> Applied:
        """Write it, unless the lane fell behind meanwhile."""
        if self.lane.behind:
            return Applied()
        return self.lane.write(self.prepare(), self.positions, since)


@dataclass(frozen=True, slots=True)
class Load:
    """A batch up to `positions`, and each lane's part of it. `ends` were read to their end."""

    records: int
    positions: Offsets
    ends: Collection[Partition]
    parts: Sequence[Part]

    def prepare(self) -> None:
        """Make all of it ready ahead of its turn."""
        for part in self.parts:
            part.prepare()

    def write(self, since: Offsets) -> Applied:
        """Write it, lane by lane: it is all there is from `since` on."""
        total = Applied()
        for part in self.parts:
            total += part.write(since)
        return total


class Writer:
    """Writes one load at a time. As long as it is `busy`, the lanes are its own."""

    def __init__(self) -> None:
        """Start no thread before there is something to write."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="projector-writer")
        self._load: Load | None = None
        self._outcome: Future[Applied] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is a load whose outcome nobody has taken yet."""
        return self._outcome is not None

    def start(self, load: Load, since: Offsets) -> None:
        """Begin to write `load`, all there is from `since` on; the one before was settled."""
        if self._outcome is not None:
            raise RuntimeError("the load before has not been settled")
        self._load = load
        self._outcome = self._thread.submit(load.write, since)

    def wait(self) -> None:
        """Return once the lanes stand still; the outcome is still to be taken."""
        if self._outcome is not None:
            wait([self._outcome])

    def take(self) -> tuple[int, Applied]:
        """Wait, and return how many records were written and what became of them.

        Raises:
            CheckpointLost: Another projector works on one of the projections.
        """
        load, outcome = self._load, self._outcome
        self._load = self._outcome = None
        if load is None or outcome is None:
            return 0, Applied()
        return load.records, outcome.result()

    def close(self) -> None:
        """Wait for what is being written; there is nothing more to come."""
        self._thread.shutdown()
