"""The projector: read batches, apply them, keep polling whatever else is down."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from threading import Event
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.clock import SystemClock
from consumers.errors import ServiceUnreachable
from consumers.kafka import (
    Batch,
    consume_batch,
    consumer_config,
    sentence,
    watermarks,
)
from consumers.logs import get_log
from consumers.projector.lane import Lane
from consumers.projector.past import LogPast
from consumers.projector.reading import record_of, subscription
from consumers.projector.recorder import ProjectionRecorder
from consumers.projector.settings import (
    Progress,
    ProjectorSettings,
)
from events.codec import Codec
from projections.checkpoints import Partition
from projections.engine import Applied, Engine
from projections.projection import events_read
from projections.record import Record
from projections.session import Session

_MAX_POLL_INTERVAL_MS: Final = 300_000  # longer than PostgreSQL's time-outs, one after another


class Projector:
    """A member of the group, an engine per projection, and the step that the life is made of."""

    def __init__(self, settings: ProjectorSettings, codec: Codec) -> None:
        """Open nothing yet."""
        self.progress = Progress()
        self._settings = settings
        self._cluster = settings.cluster
        self._codec = codec.with_gates_as_text()
        self._session = Session(settings.postgres_dsn)
        self._recorder = ProjectionRecorder(
            settings.cluster, codec, timeout_ms=settings.acknowledge_timeout_ms
        )
        self._lanes = [
            Lane(
                Engine(
                    projection,
                    self._session,
                    record_failure=self._recorder,
                    now=SystemClock().now,
                    build=settings.build,
                    past=LogPast(settings.cluster, self._codec),
                ),
                backoff_ms=settings.backoff_ms,
                backoff_max_ms=settings.backoff_max_ms,
            )
            for projection in settings.projections
        ]
        self._wanted = events_read(settings.projections)
        self._assigned: set[Partition] = set()
        self._at_end: set[Partition] = set()
        self._committed: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._reads_next: dict[Partition, int] = {}
        self._consumer = Consumer(
            consumer_config(
                settings.cluster.bootstrap_servers,
                settings.cluster.group(settings.group),
                **{"max.poll.interval.ms": _MAX_POLL_INTERVAL_MS},
            )
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
        self._consumer.subscribe(
            subscription(self._cluster, self._settings.projections),
            on_assign=self._gained,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )

    def step(self) -> Progress:
        """Read one batch, apply it to every projection that can, say how far it is."""
        self._take_up()
        batch = consume_batch(
            self._consumer,
            self._settings.batch_records_max,
            self._settings.poll_timeout_ms / 1000,
        )
        try:
            records = [
                record_of(self._cluster, self._codec, message, self._wanted)
                for message in batch.messages
            ]
        except ServiceUnreachable as error:
            for lane in self._lanes:
                lane.fall_behind(error)
        else:
            self._apply(records, batch)
        self._pause_or_resume()
        self._commit()
        return self.progress

    def has_reached(self, ends: dict[Partition, int]) -> bool:
        """Say whether every projection has everything before `ends`."""
        return all(
            lane.stands_at(partition) >= end
            for lane in self._lanes
            for partition, end in ends.items()
            if lane.reads(partition)
        )

    def close(self) -> None:
        """Tell Kafka how far it is, leave the group, let go of the database."""
        self._commit(wait=True)
        self._consumer.close()
        self._session.close()

    def _apply(self, records: list[Record], batch: Batch) -> None:
        positions = {
            (record.origin.topic, record.origin.partition): record.origin.offset + 1
            for record in records
        }
        self._at_end -= positions.keys()
        for (topic, partition), offset in batch.ends.items():
            place = (self._cluster.plain(topic), partition)
            positions[place] = max(offset, positions.get(place, 0))
            self._at_end.add(place)
        total = Applied()
        for lane in self._lanes:
            mine = {place: offset for place, offset in positions.items() if lane.reads(place)}
            if mine:
                wanted = [
                    record
                    for record in records
                    if (record.origin.topic, record.origin.partition) in mine
                ]
                total += lane.apply(wanted, mine, self._reads_next)
        self._reads_next.update(positions)
        self._tell(len(records), total)

    def _tell(self, records: int, total: Applied) -> None:
        before = self.progress
        interrupted = tuple(lane.name for lane in self._lanes if lane.behind)
        caught_up = bool(self._assigned) and not interrupted and self._assigned <= self._at_end
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
        back: set[Partition] = set()
        for lane in self._lanes:
            if lane.is_due():
                back.update(lane.take_up() or ())
        for place in back:
            # Of all that read on, not of these alone: one that was taken up before may be further
            # back and may not have read a record since.
            self._seek(
                place,
                min(
                    lane.engine.checkpoints[place]
                    for lane in self._lanes
                    if not lane.behind and place in lane.engine.checkpoints
                ),
            )

    def _seek(self, place: Partition, offset: int) -> None:
        topic, partition = place
        self._at_end.discard(place)
        self._reads_next[place] = offset
        try:
            self._consumer.seek(TopicPartition(self._cluster.topic(topic), partition, offset))
        except KafkaException as error:  # not fetching yet: the next try will find it so
            for lane in self._lanes:
                if lane.reads(place):
                    lane.fall_behind(ServiceUnreachable(sentence(error)))

    def _pause_or_resume(self) -> None:
        """Fetch nothing that nobody can take now; polling goes on, and so does membership."""
        idle = {
            place
            for place in self._assigned
            if all(lane.behind for lane in self._lanes if lane.reads(place))
        }
        if idle - self._paused:
            self._consumer.pause(self._named(idle - self._paused))
        if self._paused - idle:
            self._consumer.resume(self._named(self._paused - idle))
        self._paused = idle

    def _named(self, places: Iterable[Partition]) -> list[TopicPartition]:
        return [
            TopicPartition(self._cluster.topic(topic), partition) for topic, partition in places
        ]

    def _commit(self, *, wait: bool = False) -> None:
        """Tell Kafka, for tools that show lag; PostgreSQL's checkpoints are what counts."""
        changed = {
            place: offset
            for place in self._assigned
            if (offset := self._everybody_has(place)) is not None
            and offset != self._committed.get(place)
        }
        if not changed:
            return
        offsets = [
            TopicPartition(self._cluster.topic(topic), partition, offset)
            for (topic, partition), offset in changed.items()
        ]
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            get_log().info("projection_lag_not_reported", error=sentence(error))
        self._committed.update(changed)

    def _everybody_has(self, place: Partition) -> int | None:
        offsets = [lane.engine.checkpoints.get(place) for lane in self._lanes if lane.reads(place)]
        known = [offset for offset in offsets if offset is not None]
        return min(known) if known and len(known) == len(offsets) else None

    def _gained(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        starts = []
        for gained in partitions:
            place = (self._cluster.plain(gained.topic), gained.partition)
            low, _ = watermarks(consumer, gained.topic, gained.partition)
            for lane in self._lanes:
                if lane.reads(place):
                    lane.gain(place, low)
            self._assigned.add(place)
            start = self._everybody_has(place)
            self._reads_next[place] = low if start is None else start
            starts.append(TopicPartition(gained.topic, gained.partition, self._reads_next[place]))
        consumer.incremental_assign(starts)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for gone in partitions:
            place = (self._cluster.plain(gone.topic), gone.partition)
            self._assigned.discard(place)
            self._at_end.discard(place)
            self._paused.discard(place)
            self._committed.pop(place, None)
            self._reads_next.pop(place, None)
            for lane in self._lanes:
                lane.lose(place)
        with suppress(KafkaException):  # lost: there may be nothing left to give back
            consumer.incremental_unassign(partitions)
