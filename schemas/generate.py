"""Write one Avro file per event type: ``python -m schemas.generate``; ``--check`` only compares."""

import json
import sys
from pathlib import Path
from typing import Final

from events.avro import avro_schema
from events.catalog import EVENTS

FOLDER: Final = Path(__file__).parent


def texts() -> dict[str, str]:
    """Return every file's text by the name it should have."""
    return {
        f"{kind.__name__}.avsc": json.dumps(avro_schema(kind), indent=2, ensure_ascii=False) + "\n"
        for kind in EVENTS
    }


def drift(folder: Path = FOLDER) -> list[str]:
    """Return a sentence for each file in `folder` that is not what the event types say."""
    wanted = texts()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.avsc")}
    return [
        *(f"{name} is missing" for name in sorted(wanted.keys() - found.keys())),
        *(f"{name} belongs to no event type" for name in sorted(found.keys() - wanted.keys())),
        *(
            f"{name} differs from its event type"
            for name in sorted(wanted.keys() & found.keys())
            if wanted[name] != found[name]
        ),
    ]


def write(folder: Path = FOLDER) -> None:
    """Make `folder` hold exactly the schemas of the event types."""
    wanted = texts()
    for path in folder.glob("*.avsc"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run the command; exit code 6 when ``--check`` finds a difference, 2 on wrong usage."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.generate [--check]\n")
        return 2
    if not arguments:
        write()
        return 0
    found = drift()
    if found:
        sys.stderr.write("; ".join(found) + ": run `python -m schemas.generate`\n")
    return 6 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
