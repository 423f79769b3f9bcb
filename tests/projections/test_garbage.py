"""A projector's process is left as it was found, however it ends."""

import gc

import pytest

from consumers.projector.garbage import collecting_seldom


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
