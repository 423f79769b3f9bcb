"""Quix Streams with its own PostgreSQL sink, upserting by the table's key: at least once."""

import time
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from quixstreams import Application, message_context
from quixstreams.models import Deserializer, SerializationContext
from quixstreams.sinks.community.postgresql import PostgreSQLSink
from rows import Decoder, answer, told


class _Rows(Deserializer):
    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.began = 0.0
        self._decoder = decoder

    def __call__(self, value: bytes, ctx: SerializationContext) -> dict[str, Any]:  # noqa: ARG002 -- theirs
        self.began = self.began or time.monotonic()
        return self._decoder.row(value, 0)


def _with_its_offset(row: dict[str, Any]) -> dict[str, Any]:
    row["log_offset"] = message_context().offset
    return row


def main(told: dict[str, Any]) -> None:
    """Consume until every record is in the table."""
    rows = _Rows(Decoder(told["registry_url"]))
    database = conninfo_to_dict(told["dsn"])
    application = Application(
        broker_address=told["bootstrap_servers"],
        consumer_group=told["group"],
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_every=told["batch"],
        consumer_extra_config={"isolation.level": "read_committed"},
        loglevel="ERROR",
    )
    topic = application.topic(told["topic"], value_deserializer=rows, key_deserializer="bytes")
    frame = application.dataframe(topic)
    frame.apply(_with_its_offset).sink(
        PostgreSQLSink(
            host=str(database["host"]),
            port=int(str(database["port"])),
            dbname=str(database["dbname"]),
            user=str(database["user"]),
            password=str(database.get("password", "")),
            table_name="dispatch_recommendations",
            schema_auto_update=False,
            primary_key_columns=["id"],
            upsert_on_primary_key=True,
            include_metadata=False,
        )
    )
    application.run(count=told["records"], collect=False)
    answer(told["records"], time.monotonic() - rows.began)


if __name__ == "__main__":
    main(told())
