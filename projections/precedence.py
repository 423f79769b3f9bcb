"""Which of several states stays, whatever the order they are applied in: the greatest number.

States have a rank. Within a rank either the latest offset stays or the earliest; a higher rank
beats a lower one wherever it stands in the log.
"""

from typing import Final

_RANK: Final = 2**56
_OFFSETS: Final = 2**55


def latest(rank: int, offset: int) -> int:
    """Return the precedence of a state that later ones of its rank replace."""
    return rank * _RANK + offset


def earliest(rank: int, offset: int) -> int:
    """Return the precedence of a state that later ones of its rank leave alone."""
    return rank * _RANK + _OFFSETS - offset
