"""The log as folds read it once more: from where they stand to where the tables are."""

from collections.abc import Generator
from contextlib import closing

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.history import History
from consumers.projector.reading import committed_ends
from events.codec import Codec
from projections.checkpoints import Partition
from projections.failures import FAILURES
from projections.faults import LogUnavailable
from projections.folding import Part


class LogPast:
    """Committed records of any topic; a connection is held only while they are read."""

    def __init__(self, cluster: Cluster, codec: Codec) -> None:
        """Open nothing yet."""
        self._cluster = cluster
        self._codec = codec

    def read(
        self, projection: str, partition: Partition, start: int, end: int
    ) -> Generator[Part, None, None]:
        """Yield what stands from `start` up to exactly `end`, without what `projection` skipped.

        Raises:
            LogUnavailable: Kafka or the registry does not answer, or nothing moves for 20 s.
            ConfigurationError: The topic's head is gone.
        """
        try:
            with History(self._cluster, self._codec) as history:
                history.require_heads({partition: 0})
                skipped = {
                    (topic, number, offset)
                    for name, topic, number, offset in history.skipped(
                        committed_ends(self._cluster, [FAILURES])
                    )
                    if name == projection
                }
                with closing(history.read({partition: start}, {partition: end})) as chunks:
                    for chunk in chunks:
                        kept = [
                            record
                            for record in chunk.records
                            if (*partition, record.origin.offset) not in skipped
                        ]
                        yield kept, chunk.positions[partition]
        except ServiceUnreachable as error:
            raise LogUnavailable(
                f"the past of {partition[0]} cannot be read again: {error}"
            ) from error
