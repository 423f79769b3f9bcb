"""How often Python looks for garbage in cycles, while it reads logs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COLLECT_AFTER: Final = 50_000
"""So many objects more than before."""


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Look for it seldom, and never among what stands by now.

    Records, rows and folds have no cycles, but there are a lot of them: to go through them again
    and again takes a tenth of a projector's time, and a fifth of the time of `verify`.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *thresholds[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
