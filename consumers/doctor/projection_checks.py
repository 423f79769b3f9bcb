"""Projections: how far each is, in records and in seconds."""

from collections.abc import Iterator
from typing import Final

from consumers.doctor.finding import Finding, age, ok, warn
from consumers.doctor.offsets import Offsets
from consumers.tables import checkpoints
from projections.catalog import PROJECTIONS

_LATE_S: Final = 10.0
_CURE: Final = "dispatcher projections run"


def check_projections(dsn: str, offsets: Offsets, now_s: float) -> Iterator[Finding]:
    """Compare checkpoints with ends: at the end is who stands at or past it, whatever the count.

    The offsets of a topic have holes where transactions were marked, so that a distance in
    offsets is the most that can be missing. How late a projection is, the oldest record tells that
    it has not applied.
    """
    at = {(row["projection"], row["topic"]): row["next_offset"] for row in checkpoints(dsn)}
    existing = offsets.existing()
    read = {
        (projection.name, topic): at.get((projection.name, topic), 0)
        for projection in PROJECTIONS
        for topic in existing
        if projection.reads(topic)
    }
    ends = offsets.ends({topic for _, topic in read}, committed=True)
    behind = {place: ends[place[1]] - offset for place, offset in read.items()}
    oldest_from = {
        (topic, start): offsets.first_record_times({topic: start}, ends, committed=True).get(topic)
        for topic, start in {(place[1], read[place]) for place in behind if behind[place] > 0}
    }
    late = False
    for projection in PROJECTIONS:
        missing, oldest = 0, now_s
        for place, distance in behind.items():
            if place[0] != projection.name or distance <= 0:
                continue
            written = oldest_from[place[1], read[place]]
            if written is not None:  # else only marks of transactions are left
                missing, oldest = missing + distance, min(oldest, written)
        if not missing:
            continue
        late = True
        says = f"up to {missing} records behind, the oldest {age(now_s - oldest)} old"
        name = f"projection {projection.name}"
        yield warn(name, says, _CURE) if now_s - oldest > _LATE_S else ok(name, says)
    if not late:
        yield ok("projections", f"all {len(PROJECTIONS)} are at the end of their topics, lag 0 s")
