"""Projections: where each one's checkpoints stand, how far that is behind, in records and time."""

from collections.abc import Iterator, Sequence
from typing import Final

from consumers.cluster import Cluster
from consumers.doctor.finding import Finding, age, fail, ok, warn
from consumers.freshness import Standing, standings
from consumers.projector.reading import committed_ends
from projections.catalog import PROJECTIONS

_LATE_S: Final = 10.0
_TOLD_MAX: Final = 3
_CURE: Final = "dispatcher projections run"
_START_ANEW: Final = (
    "bring the topic back; if it is gone for good, fill a new database from what there is: set "
    "postgres.dsn, dispatcher migrate, dispatcher projections run"
)


def check_projections(cluster: Cluster, dsn: str, now_s: float) -> Iterator[Finding]:
    """Hold checkpoints against ends, as `dispatcher projections status` does.

    At `now_s`, UNIX seconds. What waits is counted in committed records: offsets have holes where
    transactions were marked. How late a projection is, the oldest record tells that it has not
    applied.

    Raises:
        ServiceUnreachable: Kafka or PostgreSQL does not answer.
    """
    found = standings(cluster, dsn, PROJECTIONS, now_s)
    beyond = _beyond(cluster, found)
    for projection in PROJECTIONS:
        mine = [one for one in found if one.projection == projection.name]
        name = f"projection {projection.name}"
        lost = [one for one in mine if one in beyond]
        if lost:
            yield fail(name, _loss(lost[0]), _START_ANEW)
            continue
        if not mine:
            yield ok(name, "none of its topics is there yet")
            continue
        waiting = [one for one in mine if one.behind]
        lag_s = max((one.lag_seconds for one in waiting), default=0.0)
        says = f"{_behind(waiting, lag_s)}; {_places(mine)}"
        yield warn(name, says, _CURE) if lag_s > _LATE_S else ok(name, says)


def _beyond(cluster: Cluster, found: Sequence[Standing]) -> list[Standing]:
    """Return who stands behind the end of its topic; ends are asked for once more.

    They were asked for before the checkpoints, and a projector may have read on in between.
    """
    suspected = [one for one in found if (one.next_offset or 0) > one.end_offset]
    if not suspected:
        return []
    ends = committed_ends(cluster, PROJECTIONS)
    return [
        one for one in suspected if (one.next_offset or 0) > ends.get((one.topic, one.partition), 0)
    ]


def _loss(one: Standing) -> str:
    return (
        f"its checkpoint in {one.topic} is {one.next_offset}, the topic ends at {one.end_offset}: "
        "its records were lost or it was made anew, and the tables hold what it does not"
    )


def _behind(waiting: Sequence[Standing], lag_s: float) -> str:
    if not waiting:
        return "at the end, lag 0 s"
    records = sum(one.behind for one in waiting)
    exactly = "" if all(one.behind_is_exact for one in waiting) else "up to "
    noun = "record" if records == 1 else "records"
    return f"{exactly}{records} {noun} behind, the oldest {age(lag_s)} old"


def _places(mine: Sequence[Standing]) -> str:
    """Return checkpoints and ends, those that are furthest behind first."""
    late_first = sorted(mine, key=lambda one: -one.lag_seconds)
    told = [
        f"{one.topic} {one.next_offset or 0} of {one.end_offset}" for one in late_first[:_TOLD_MAX]
    ]
    more = len(mine) - len(told)
    return ", ".join(told) + (f", and {more} more" if more else "")
