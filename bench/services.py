"""The services to measure on: those that DISPATCHER_TEST_* name, else a stack of our own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from stack.up import StackAddresses, start, stop


@contextmanager
def services() -> Iterator[StackAddresses]:
    """Yield where Kafka, the registry and PostgreSQL are; what was started here is removed."""
    named = [
        os.environ.get(f"DISPATCHER_TEST_{name}") for name in ("KAFKA", "REGISTRY", "POSTGRES")
    ]
    if all(named):
        yield StackAddresses(*(address or "" for address in named))
        return
    with TemporaryDirectory(prefix="dispatcher-bench-") as temporary:
        directory = Path(temporary) / "stack"
        addresses = start(directory)
        try:
            yield addresses
        finally:
            stop(directory, purge=True)
