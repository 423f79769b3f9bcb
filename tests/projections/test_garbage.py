"""A projector's process is left as it was found, however it ends."""

import gc
from collections.abc import Iterator

import pytest

from consumers.projector.garbage import collecting_seldom


@pytest.fixture(autouse=True)
def as_python_begins() -> Iterator[None]:
    """Projectors that ended in another order than they began may have left their pace behind."""
    left = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*left)


def test_garbage_is_looked_for_seldom_and_afterwards_as_ever() -> None:
    before = gc.get_threshold()

    with collecting_seldom():
        assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_threshold()[1:] == before[1:]
        assert gc.get_freeze_count() > 0

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_garbage_is_looked_for_as_ever_after_an_error() -> None:
    before = gc.get_threshold()

    with pytest.raises(LookupError), collecting_seldom():
        raise LookupError

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
