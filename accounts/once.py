"""What is made of an account's limits, once for each instance: no decision makes it again."""

from collections.abc import Callable
from typing import Final, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")
_REMEMBERED_MAX: Final = 64


def once_for_each(make: Callable[[_K], _V]) -> Callable[[_K], _V]:
    """Return `make`, called once for each instance; to compare two would cost more than to make."""
    remembered: dict[int, tuple[_K, _V]] = {}

    def made(instance: _K) -> _V:
        known = remembered.get(id(instance))
        if known is not None:
            return known[1]
        if len(remembered) >= _REMEMBERED_MAX:
            remembered.clear()
        value = make(instance)
        remembered[id(instance)] = (instance, value)  # kept alive, so that the id stays its own
        return value

    return made
