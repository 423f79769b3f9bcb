"""What an account does about orders and holdings at its broker that are not its own."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class OnForeign(StrEnum):
    """Halt, or only say so. Either way nothing of them is touched, and nothing of them is ours."""

    HALT = "HALT"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPolicy:
    """What is done about `orders` that no recommendation asked for, and about `positions`.

    A position is foreign in a ticker that no order of ours was ever about; in any other it is a
    difference from what we hold, which halts whatever is said here.
    """

    orders: OnForeign = OnForeign.HALT
    positions: OnForeign = OnForeign.HALT


HALTING: Final = ForeignPolicy()
