"""pyeventsourcing's ProjectionRunner: its own store in PostgreSQL, rows and tracking together.

It reads no Kafka. So the topic's records are appended to an application of its own first, in large
transactions and outside the time that counts; the runner is given what it is made for.
"""

import time
from typing import Any, Final
from uuid import UUID

from confluent_kafka import Consumer, TopicPartition
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from rows import UPSERT, Decoder, answer, told

_AT_ONCE: Final = 1000
_PATIENCE_S: Final = 3600.0


class Advised(DomainEvent):
    """A recommendation as this library's event: the fields that the table has columns for."""

    row: dict[str, Any]


class Advice(Application[UUID]):
    """The application whose events are projected."""


class Table(PostgresTrackingRecorder):
    """The materialised view: the same table as everybody's."""

    def write(self, row: dict[str, Any], tracking: Tracking) -> None:
        """Write a row and how far we are, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(UPSERT, row, prepare=True)


class Rows(Projection[Table]):
    """Events to rows."""

    name = "rows"
    began = 0.0

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:  # noqa: ANN401 -- theirs
        """Take an event of another kind: there is none."""

    @process_event.register
    def advised(self, domain_event: Advised, tracking: Tracking) -> None:
        """Write the row of an `Advised`."""
        Rows.began = Rows.began or time.monotonic()
        self.view.write(domain_event.row, tracking)


def main(told: dict[str, Any]) -> None:
    """Append, then project until every event is in the table."""
    database = conninfo_to_dict(told["dsn"])
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(database["dbname"]),
        "POSTGRES_HOST": str(database["host"]),
        "POSTGRES_PORT": str(database["port"]),
        "POSTGRES_USER": str(database["user"]),
        "POSTGRES_PASSWORD": str(database.get("password", "")),
    }
    _append(told, Advice(environment))
    with ProjectionRunner(
        application_class=Advice,
        projection_class=Rows,
        view_class=Table,
        env=environment,
    ) as runner:
        runner.wait(told["records"], timeout=_PATIENCE_S)
        seconds = time.monotonic() - Rows.began
    answer(told["records"], seconds)


def _append(told: dict[str, Any], application: Advice) -> None:
    decoder, count = Decoder(told["registry_url"]), 0
    consumer = Consumer({"bootstrap.servers": told["bootstrap_servers"], "group.id": told["group"]})
    consumer.assign([TopicPartition(told["topic"], 0, 0)])
    while count < told["records"]:
        messages = consumer.consume(min(_AT_ONCE, told["records"] - count), 1.0)
        stored = []
        for message in messages:
            row = decoder.row(message.value(), message.offset())
            event = Advised(
                originator_id=UUID(int=row["id"]),
                originator_version=1,
                timestamp=row["ts"],
                row=row,
            )
            stored.append(application.mapper.to_stored_event(event))
        if stored:
            application.recorder.insert_events(stored)
        count += len(stored)
    consumer.close()


if __name__ == "__main__":
    main(told())
