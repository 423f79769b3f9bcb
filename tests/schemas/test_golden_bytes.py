import json
from importlib.metadata import version
from pathlib import Path

import pytest

from cli.output import plain
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec
from tests.schemas.by_fastavro import by_fastavro
from tests.schemas.golden_bytes import FOLDER, OneSchema, golden

KEPT = sorted(FOLDER.glob("*/*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_any_version_ever_wrote_still_says_the_same(path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    data = bytes.fromhex(kept["hex"])

    event = Codec(OneSchema(kept["schema"])).decode(data)

    assert type(event).__name__ == path.stem
    assert by_fastavro(type(event), kept["schema"])(data) == event
    said = plain(event)
    assert {key: said[key] for key in kept["event"]} == kept["event"]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_todays_version_has_golden_bytes_of_every_event(kind: type[AnyEvent]) -> None:
    path = FOLDER / version("dispatcher") / f"{kind.__name__}.json"

    kept = json.loads(path.read_text(encoding="utf-8"))

    assert golden(kind) == kept, "run `python -m tests.schemas.golden_bytes`"
