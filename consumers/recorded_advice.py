"""Recommendations as they were recorded, for whoever wants to go through them again."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import Message

from consumers.account_history import Period
from consumers.cluster import Cluster
from consumers.dispatcher.intake import Incoming, Intake
from consumers.errors import ServiceUnreachable
from consumers.scan import scan
from events.codec import Codec
from events.topics import RECOMMENDATIONS

_BATCH: Final = 1_000


def recorded_advice(
    cluster: Cluster,
    codec: Codec,
    period: Period,
    first_offset: int = 0,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> list[Incoming]:
    """Return what was issued in `period`, in the order of the topic; dead letters are left out.

    Raises:
        ConfigurationError: The topic does not exist.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    intake, found, batch = Intake(codec, whole_moments=False), list[Incoming](), list[Message]()

    def take_up() -> None:
        intake.add(batch)
        decoded = intake.batch(_BATCH, ended=True)
        if len(decoded) < len(batch):
            raise ServiceUnreachable("the registry does not tell a schema: is it running?")
        intake.drop(len(decoded))
        found.extend(
            one
            for one in decoded
            if one.recommendation is not None
            and one.origin.offset >= first_offset
            and period.covers(one.recommendation.issued_at)
        )
        batch.clear()

    for message in scan(cluster, RECOMMENDATIONS.name, on_progress):
        batch.append(message)
        if len(batch) == _BATCH:
            take_up()
    take_up()
    return found
