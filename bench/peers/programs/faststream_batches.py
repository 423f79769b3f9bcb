"""FastStream on confluent-kafka: batches, executemany, rows and offset in one transaction.

The handler is what a careful user writes: exactly once, by an offset of its own in PostgreSQL.
"""

import asyncio
import time
from typing import Any

import psycopg
from faststream.confluent import KafkaBroker
from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy
from rows import UPSERT, Decoder, answer, told

_MOVE = """
UPDATE projection_checkpoints SET next_offset = %s WHERE projection = 'peer' AND topic = %s
"""


async def main(told: dict[str, Any]) -> None:
    """Consume until every record is in the table."""
    decoder, done = Decoder(told["registry_url"]), asyncio.Event()
    broker = KafkaBroker(told["bootstrap_servers"], apply_types=False)
    began, records = 0.0, 0

    async def decode(message: StreamMessage[Any]) -> list[dict[str, Any]]:
        nonlocal began
        began = began or time.monotonic()
        return [decoder.row(one.value(), one.offset()) for one in message.raw_message]

    with psycopg.connect(told["dsn"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO projection_checkpoints VALUES ('peer', %s, 0, 0)", (told["topic"],)
        )

        @broker.subscriber(
            told["topic"],
            group_id=told["group"],
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            batch=True,
            max_records=told["batch"],
            ack_policy=AckPolicy.MANUAL,
            decoder=decode,
        )
        async def write(rows: list[dict[str, Any]]) -> None:
            nonlocal records
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(UPSERT, rows)
                cursor.execute(_MOVE, (rows[-1]["log_offset"] + 1, told["topic"]))
            records += len(rows)
            if records >= told["records"]:
                done.set()

        await broker.start()
        await done.wait()
        seconds = time.monotonic() - began
        await broker.stop()
    answer(records, seconds)


if __name__ == "__main__":
    asyncio.run(main(told()))
