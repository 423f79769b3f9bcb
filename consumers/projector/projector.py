"""The projector: read batches, write them, keep polling whatever else is down."""

from dataclasses import replace
from functools import cache, partial
from threading import Event
from typing import Final
from uuid import uuid4

from confluent_kafka import KafkaException

from consumers.clock import SystemClock
from consumers.errors import ServiceUnreachable
from consumers.kafka import Batch, sentence
from consumers.logs import get_log
from consumers.projector.keeping import keeping_by
from consumers.projector.lane import Lane
from consumers.projector.past import LogPast
from consumers.projector.reader import Reader
from consumers.projector.reading import record_of, subscription
from consumers.projector.recorder import ProjectionRecorder
from consumers.projector.settings import Progress, ProjectorSettings
from consumers.projector.writer import Load, Part, Writer
from events.codec import Codec
from projections.checkpoints import Partition
from projections.engine import Applied, Engine
from projections.folding import Folds
from projections.kept import KeptFolds
from projections.prepared import Stretch
from projections.projection import events_read
from projections.record import read_on
from projections.session import Session

_MAX_POLL_INTERVAL_MS: Final = 300_000  # longer than PostgreSQL's time-outs, one after another


class Projector:
    """A member of the group, an engine per projection, and the step that the life is made of.

    While the writer is busy the lanes belong to its thread: nothing here asks them anything before
    `Writer.wait` has returned, callbacks of the group included.
    """

    def __init__(self, settings: ProjectorSettings, codec: Codec) -> None:
        """Open nothing yet."""
        self.progress = Progress()
        self._settings = settings
        self._cluster = settings.cluster
        self._codec = codec.with_gates_as_text()
        self._session = Session(settings.postgres_dsn, by_keys=True)
        self._recorder = ProjectionRecorder(
            settings.cluster, codec, timeout_ms=settings.acknowledge_timeout_ms
        )
        keeping = keeping_by(uuid4())
        self._lanes = [
            Lane(
                Engine(
                    projection,
                    self._session,
                    record_failure=self._recorder,
                    now=SystemClock().now,
                    build=settings.build,
                    folds=Folds(
                        projection,
                        LogPast(settings.cluster, self._codec),
                        KeptFolds(projection, self._session, keeping),
                    ),
                ),
                backoff_ms=settings.backoff_ms,
                backoff_max_ms=settings.backoff_max_ms,
            )
            for projection in settings.projections
        ]
        self._wanted = events_read(settings.projections)
        self._writer = Writer()
        self._reader = Reader(
            settings.cluster, settings.group, max_poll_interval_ms=_MAX_POLL_INTERVAL_MS
        )

    def prepare(self, stop: Event) -> None:
        """Learn the schemas that recording a failure needs, then join the group."""
        wait_ms = self._settings.backoff_ms
        while not stop.is_set():
            try:
                self._recorder.prepare()
                break
            except ServiceUnreachable as error:
                get_log().warning("projection_registry_unavailable", error=str(error))
                stop.wait(wait_ms / 1000)
                wait_ms = min(2 * wait_ms, self._settings.backoff_max_ms)
        self._reader.join(
            subscription(self._cluster, self._settings.projections),
            gained=self._gained,
            revoked=self._revoked,
        )

    def step(self) -> Progress:
        """Read a batch, settle the one before, begin to write this one.

        While the one before is under way this one is made ready. With none under way the writer
        has it at once, with no more decoded than the first lane reads.

        Returns how far it is with what is settled.
        """
        self._take_up()
        # With a batch under way there is something better to do than to wait for another.
        is_ahead = self._writer.busy
        timeout_ms = 0 if is_ahead else self._settings.poll_timeout_ms
        batch = self._reader.read(self._settings.batch_records_max, timeout_ms / 1000)
        try:
            load = self._load(batch, self._wanted if is_ahead else self._wanted_first())
        except ServiceUnreachable as error:
            self.settle()
            for lane in self._lanes:
                lane.fall_behind(error)
            self.settle()  # so that no more is fetched
        else:
            if is_ahead and load is not None:
                load.prepare()
            self.settle()
            if load is not None:
                since = self._reader.advance(load.positions, load.ends)
                self._writer.start(load, since)
        return self.progress

    def settle(self) -> None:
        """Wait for what is being written, take note of what became of it, and tell Kafka.

        Raises:
            CheckpointLost: Another projector works on one of the projections.
        """
        self._tell(*self._writer.take())
        self._reader.fetch_all_but(
            {
                place
                for place in self._reader.assigned
                if all(lane.behind for lane in self._lanes if lane.reads(place))
            }
        )
        self._report()

    @property
    def is_writing(self) -> bool:
        """Whether a batch is on its way of which `progress` says nothing yet."""
        return self._writer.busy

    def has_reached(self, ends: dict[Partition, int]) -> bool:
        """Say whether every projection has everything before `ends`, as far as it is settled."""
        return not self.is_writing and all(
            lane.stands_at(partition) >= end
            for lane in self._lanes
            for partition, end in ends.items()
            if lane.reads(partition)
        )

    def close(self) -> None:
        """Finish what is being written, tell Kafka, leave the group, let go of the database."""
        self._writer.close()
        self._report(wait=True)
        self._reader.close()
        self._session.close()

    def _wanted_first(self) -> frozenset[type]:
        """Return what the first lane reads: all the others can wait until it has its rows."""
        return next(
            (lane.engine.projection.events for lane in self._lanes if not lane.behind),
            self._wanted,
        )

    def _load(self, batch: Batch, wanted: frozenset[type]) -> Load | None:
        """Return each projection's part of a batch, what is `wanted` decoded; None of nothing."""
        records = [
            record_of(self._cluster, self._codec, message, wanted) for message in batch.messages
        ]
        read = Stretch.of(records)
        positions = dict(read.after)
        ends = set[Partition]()
        for (topic, partition), offset in batch.ends.items():
            place = (self._cluster.plain(topic), partition)
            positions[place] = max(offset, positions.get(place, 0))
            ends.add(place)
        if not positions:
            return None

        @cache
        def whole() -> Stretch:
            return read.reread(lambda record: read_on(self._codec, record, self._wanted))

        @cache
        def within(places: frozenset[Partition], is_read: bool) -> Stretch:  # noqa: FBT001 -- a key
            return (read if is_read else whole()).within(places)

        parts = []
        for lane in self._lanes:
            mine = {place: offset for place, offset in positions.items() if lane.reads(place)}
            if mine and not lane.behind:
                is_read = lane.engine.projection.events <= wanted
                parts.append(Part(lane, mine, partial(within, frozenset(mine), is_read)))
        return Load(len(records), positions, ends, parts)

    def _tell(self, records: int, total: Applied) -> None:
        before = self.progress
        interrupted = tuple(lane.name for lane in self._lanes if lane.behind)
        assigned = self._reader.assigned
        caught_up = bool(assigned) and not interrupted and assigned <= self._reader.at_end
        self.progress = replace(
            before,
            records=before.records + records,
            applied=before.applied + total.applied,
            failed=before.failed + total.failed,
            waiting=before.waiting + total.waiting,
            caught_up=caught_up,
            interrupted=interrupted,
        )
        if caught_up and not before.caught_up:
            get_log().info("projection_caught_up", records=self.progress.records)

    def _take_up(self) -> None:
        """Go back to the checkpoints of the projections whose time to try again has come."""
        if not any(lane.is_due() for lane in self._lanes):
            return
        self.settle()
        back: set[Partition] = set()
        total = Applied()
        for lane in self._lanes:
            if not lane.is_due():
                continue
            applied = lane.take_up()
            if applied is None:
                break  # it may have waited for long: the group is polled before the next one tries
            back.update(lane.engine.checkpoints)
            total += applied
        for place in back:
            self._go_back(place)
        self._tell(0, total)

    def _go_back(self, place: Partition) -> None:
        """Read on where the first of those that read on stands.

        Of all of them: one that was taken up before may be further back and may not have read a
        record since.
        """
        offsets = self._read_on_at(place)
        if not offsets:  # they have fallen behind meanwhile
            return
        try:
            self._reader.go_to(place, min(offsets))
        except KafkaException as error:  # not fetching yet: the next try will find it so
            for lane in self._lanes:
                if lane.reads(place):
                    lane.fall_behind(ServiceUnreachable(sentence(error)))

    def _read_on_at(self, place: Partition) -> list[int]:
        """Return where in `place` each of those stands that are not behind."""
        return [
            lane.engine.checkpoints[place]
            for lane in self._lanes
            if not lane.behind and place in lane.engine.checkpoints
        ]

    def _report(self, *, wait: bool = False) -> None:
        """Tell Kafka, for tools that show lag; PostgreSQL's checkpoints are what counts."""
        self._reader.report(
            {
                place: offset
                for place in self._reader.assigned
                if (offset := self._everybody_has(place)) is not None
            },
            wait=wait,
        )

    def _everybody_has(self, place: Partition) -> int | None:
        offsets = [lane.engine.checkpoints.get(place) for lane in self._lanes if lane.reads(place)]
        known = [offset for offset in offsets if offset is not None]
        return min(known) if known and len(known) == len(offsets) else None

    def _gained(self, place: Partition, first: int) -> int:
        self._writer.wait()
        for lane in self._lanes:
            if lane.reads(place):
                lane.gain(place, first)
        # One that cannot begin now sends the reader back once it can: the others do not wait.
        return min(self._read_on_at(place), default=first)

    def _revoked(self, place: Partition) -> None:
        self._writer.wait()
        for lane in self._lanes:
            lane.lose(place)
