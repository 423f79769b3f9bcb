"""The projector's side of Kafka: what it subscribes to, and where the ends are."""

import re
from collections.abc import Iterable
from typing import Final, cast

from confluent_kafka import KafkaException, Message, TopicPartition

from consumers.cluster import Cluster
from consumers.kafka import METADATA_TIMEOUT_S, admin_client, offset_of, partition_of, unreachable
from consumers.offsets import ends_of
from events.codec import Codec
from events.envelope import Origin
from events.quick import quick
from events.topics import LOG_PREFIX
from projections.checkpoints import Partition
from projections.projection import Projection
from projections.record import Record, read_record

_origin = quick(Origin)

_ACCOUNT: Final = "[a-z0-9][a-z0-9-]*"


def subscription(cluster: Cluster, projections: Iterable[Projection]) -> list[str]:
    """Return the patterns to subscribe to: a topic that comes to exist later is read as well."""
    wanted = list(projections)
    plain = {topic for projection in wanted for topic in projection.topics}
    patterns = [f"^{_literal(cluster.topic(topic))}$" for topic in sorted(plain)]
    if any(projection.reads_logs for projection in wanted):
        patterns.append(f"^{_literal(cluster.topic(LOG_PREFIX))}{_ACCOUNT}$")
    return patterns


def committed_ends(cluster: Cluster, projections: Iterable[Projection]) -> dict[Partition, int]:
    """Return where every topic that is read ends now, for readers of committed records.

    Raises:
        ServiceUnreachable: Kafka did not answer within 10 s.
    """
    admin = admin_client(cluster.bootstrap_servers)
    wanted = list(projections)

    try:
        topics = admin.list_topics(timeout=METADATA_TIMEOUT_S).topics
        places = [
            TopicPartition(name, number)
            for name, topic in topics.items()
            if name.startswith(cluster.prefix)
            and any(projection.reads(cluster.plain(name)) for projection in wanted)
            for number in topic.partitions
        ]
        ends = ends_of(admin, places, committed=True)
        return {(cluster.plain(topic), number): end for (topic, number), end in ends.items()}
    except KafkaException as error:
        raise unreachable(error) from error


def record_of(
    cluster: Cluster, codec: Codec, message: Message, wanted: frozenset[type] | None = None
) -> Record:
    """Return a consumed message as a projection gets it; raises what `read_record` raises."""
    topic, partition = partition_of(message)
    headers = cast("list[tuple[str, bytes | str | None]] | None", message.headers())
    return read_record(
        codec,
        _origin(topic=cluster.plain(topic), partition=partition, offset=offset_of(message)),
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=tuple((name, _bytes(value)) for name, value in headers) if headers else (),
        wanted=wanted,
    )


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _literal(topic: str) -> str:
    return re.sub(r"([.+])", r"\\\1", topic)
