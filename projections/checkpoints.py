"""Checkpoints: the next offset of each partition, moved in the transaction that moves the rows."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from projections.faults import CheckpointLost, CheckpointRewound
from projections.session import Connection, Cursor

Partition: TypeAlias = tuple[str, int]
"""A topic and a partition of it."""

Offsets: TypeAlias = Mapping[Partition, int]
"""The next offset of each partition."""


def begin(connection: Connection, projection: str, partition: Partition, first: int) -> int:
    """Return the checkpoint of `partition`; where there is none yet it becomes `first`."""
    topic, number = partition
    connection.execute(
        "INSERT INTO projection_checkpoints (projection, topic, partition, next_offset)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (projection, topic, number, first),
    )
    return read(connection, projection, [partition])[partition]


def read(
    connection: Connection, projection: str, partitions: Iterable[Partition]
) -> dict[Partition, int]:
    """Return the checkpoints there are of `partitions`."""
    wanted = set(partitions)
    found = connection.execute(
        "SELECT topic, partition, next_offset FROM projection_checkpoints WHERE projection = %s",
        (projection,),
    ).fetchall()
    return {
        (str(topic), int(str(number))): int(str(offset))
        for topic, number, offset in found
        if (topic, number) in wanted
    }


def move(connection: Connection, projection: str, *, known: Offsets, to: Offsets) -> None:
    """Move checkpoints from where they are known to stand, all of them or none.

    It locks their rows until the transaction ends: a second projector waits here, and loses.

    Raises:
        CheckpointLost: At least one stands further on: another projector was here.
        CheckpointRewound: None stands further on, at least one further back.
    """
    answer = ask_to_move(connection, projection, known=known, to=to)
    check_moved(connection, answer, projection, known=known, to=to)


def ask_to_move(connection: Connection, projection: str, *, known: Offsets, to: Offsets) -> Cursor:
    """Send what `move` does; the answer, which ones have moved, is for `check_moved`."""
    topics, numbers, before, after = _columns(known, to)
    return connection.execute(
        """
        UPDATE projection_checkpoints AS c
        SET next_offset = m.next_offset
        FROM unnest(%s::TEXT[], %s::INTEGER[], %s::BIGINT[], %s::BIGINT[])
            AS m (topic, partition, known_offset, next_offset)
        WHERE c.projection = %s
          AND c.topic = m.topic
          AND c.partition = m.partition
          AND c.next_offset = m.known_offset
        RETURNING c.topic, c.partition
        """,
        (topics, numbers, before, after, projection),
    )


def check_moved(
    connection: Connection, answer: Cursor, projection: str, *, known: Offsets, to: Offsets
) -> None:
    """Raise what `move` raises unless all have moved by the `answer` to it."""
    if answer.rowcount == len(to):
        return
    moved = {(str(topic), int(str(number))) for topic, number in answer.fetchall()}
    stayed = to.keys() - moved  # the others stand further on by this very transaction
    found = read(connection, projection, stayed)
    for partition in sorted(stayed):
        if partition not in found or found[partition] > known[partition]:
            raise lost(projection, partition)
    raise CheckpointRewound(
        f"PostgreSQL lost the end of projection {projection!r} in a crash; the log still has it"
    )


def pass_on(connection: Connection, projection: str, *, known: Offsets, to: Offsets) -> bool:
    """Move checkpoints past what says nothing, in a statement of its own; whether they moved.

    They do not where one stands elsewhere or anything waits of its topic: `move` in a transaction
    finds out what is to be done.
    """
    topics, numbers, before, after = _columns(known, to)
    moved = connection.execute(
        """
        WITH standing AS (
            SELECT c.topic, c.partition, m.known_offset, m.next_offset
            FROM projection_checkpoints AS c
            JOIN unnest(%(topics)s::TEXT[], %(numbers)s::INTEGER[], %(before)s::BIGINT[],
                        %(after)s::BIGINT[]) AS m (topic, partition, known_offset, next_offset)
              ON c.topic = m.topic AND c.partition = m.partition
            WHERE c.projection = %(projection)s
              AND c.next_offset = m.known_offset
              AND NOT EXISTS (
                  SELECT FROM parked_events AS p
                  WHERE p.projection = c.projection AND p.topic = c.topic
              )
        )
        UPDATE projection_checkpoints AS c
        SET next_offset = s.next_offset
        FROM standing AS s
        WHERE c.projection = %(projection)s
          AND c.topic = s.topic
          AND c.partition = s.partition
          AND c.next_offset = s.known_offset
          AND (SELECT count(*) FROM standing) = %(count)s
        """,
        {
            "projection": projection,
            "topics": topics,
            "numbers": numbers,
            "before": before,
            "after": after,
            "count": len(to),
        },
    ).rowcount
    return moved == len(to)


def lost(projection: str, partition: Partition) -> CheckpointLost:
    """Return the error of a checkpoint that somebody else has moved."""
    topic, number = partition
    return CheckpointLost(
        f"another projector has moved the checkpoint of projection {projection!r} "
        f"in {topic}[{number}]: this one stops, and its batch is undone. Start it again: "
        "projectors share the topics, and it goes on from where the tables stand. Should it stop "
        "like this again and again, one of another Kafka or topic_prefix fills the same database"
    )


def _columns(known: Offsets, to: Offsets) -> tuple[list[str], list[int], list[int], list[int]]:
    partitions = sorted(to)
    return (
        [topic for topic, _ in partitions],
        [number for _, number in partitions],
        [known[partition] for partition in partitions],
        [to[partition] for partition in partitions],
    )
