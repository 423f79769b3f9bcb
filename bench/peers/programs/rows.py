"""What every peer needs: an Avro record of the topic as a row of `dispatch_recommendations`."""

import json
import resource
import struct
import sys
from io import BytesIO
from typing import Any, Final
from urllib.request import urlopen

from fastavro import parse_schema, schemaless_reader

_HEADER: Final = struct.Struct(">bI")
_KIB_PER_MIB: Final = 1024

COLUMNS: Final = {
    "id": "recommendation_id",
    "ts": "issued_at",
    "created_at": "issued_at",
    "run_id": "run_id",
    "ticker": "ticker",
    "action": "action",
    "instrument_type": "instrument_type",
    "strategy_type": "strategy_type",
    "confidence": "confidence",
    "reason": "reason",
    "bar_at": "bar_at",
    "features_at": "features_at",
    "reference_price": "reference_price",
    "recent_volatility": "recent_volatility",
    "vix": "vix",
    "stop_loss_price": "stop",
    "take_profit_price": "target",
    "features_snapshot": "features_snapshot",
    "log_offset": "log_offset",
}
"""The columns that the benchmark's records fill, and the field that each comes from."""

UPSERT: Final = f"""
INSERT INTO dispatch_recommendations ({", ".join(COLUMNS)})
VALUES ({", ".join(f"%({name})s" for name in COLUMNS)})
ON CONFLICT (id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "id")}
"""  # noqa: S608 -- names of our own


class Decoder:
    """Decodes what the registry's serializers frame."""

    def __init__(self, registry_url: str) -> None:
        """Schemas are asked for once each."""
        self._registry_url = registry_url
        self._schemas: dict[int, Any] = {}

    def row(self, value: bytes, offset: int) -> dict[str, Any]:
        """Return the record at `offset` as columns."""
        _, number = _HEADER.unpack_from(value)
        schema = self._schemas.get(number)
        if schema is None:
            schema = self._schemas[number] = self._schema(number)
        event: Any = schemaless_reader(BytesIO(value[_HEADER.size :]), schema, None)
        event["log_offset"] = offset
        row = {column: event[field] for column, field in COLUMNS.items()}
        row["run_id"] = str(row["run_id"])
        row["reason"] = json.dumps(row["reason"])
        return row

    def _schema(self, number: int) -> Any:  # noqa: ANN401 -- fastavro's own
        with urlopen(f"{self._registry_url}/schemas/ids/{number}") as answer:  # noqa: S310 -- the run's own registry
            return parse_schema(json.loads(json.load(answer)["schema"]))


def told() -> dict[str, Any]:
    """Return what the benchmark tells this program."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def answer(records: int, seconds: float) -> None:
    """Tell the benchmark how long it took."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB
    said = {"records": records, "seconds": seconds, "peak_memory_mib": memory}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
