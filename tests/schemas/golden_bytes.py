"""The bytes that released versions wrote, kept for ever: ``python -m tests.schemas.golden_bytes``.

Each file holds one event type of one version: its schema, one event's bytes, and what they say.
Running this writes the files of today's version; once released, they never change again.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cli.output import plain
from events.avro import Json, avro_schema
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec
from tests.schemas.examples import example

FOLDER = Path(__file__).parent / "golden"
GOLDEN_ID = 7


class OneSchema:
    """A registry that knows a single schema, under `GOLDEN_ID`."""

    def __init__(self, schema: Json) -> None:
        self._schema = schema

    def id_of(self, event_type: type[AnyEvent]) -> int:
        if event_type.__name__ != self._schema["name"]:
            raise LookupError(event_type.__name__)
        return GOLDEN_ID

    def schema_of(self, schema_id: int) -> Json | None:
        return self._schema if schema_id == GOLDEN_ID else None


def golden(kind: type[AnyEvent]) -> dict[str, Any]:
    """What today's build would keep of an event type."""
    schema = avro_schema(kind)
    event = example(kind)
    return {
        "schema": schema,
        "hex": Codec(OneSchema(schema)).encode(event).hex(),
        "event": plain(event),
    }


def main() -> None:
    folder = FOLDER / version("dispatcher")
    folder.mkdir(parents=True, exist_ok=True)
    for kind in EVENTS:
        text = json.dumps(golden(kind), indent=2, ensure_ascii=False)
        (folder / f"{kind.__name__}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
