from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.up import start, stop
from tests.stack.helpers import Running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory: Path = tmp_path_factory.mktemp("shared") / "stack"
    try:
        yield Running(directory, start(directory))
    finally:
        stop(directory, purge=True)


@pytest.fixture
def new_directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "stack"
    yield directory
    stop(directory, purge=directory.exists())
