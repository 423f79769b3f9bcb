"""Every projection there is: each has its own checkpoints, and none can hold up another."""

from typing import Final

from projections.accounts import ACCOUNTS
from projections.dead_letters import DEAD_LETTERS
from projections.executions import EXECUTIONS
from projections.failures import FAILURES
from projections.legacy import LEGACY
from projections.projection import Projection
from projections.recommendations import RECOMMENDATIONS
from projections.runs import RUNS
from projections.status import STATUS

PROJECTIONS: Final[tuple[Projection, ...]] = (
    EXECUTIONS,
    STATUS,
    RECOMMENDATIONS,
    FAILURES,
    DEAD_LETTERS,
    RUNS,
    ACCOUNTS,
    LEGACY,
)


def projection_named(name: str) -> Projection:
    """Return the projection called `name`.

    Raises:
        KeyError: There is none of that name; the message lists those there are.
    """
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    known = ", ".join(projection.name for projection in PROJECTIONS)
    raise KeyError(f"there is no projection {name!r}; there are {known}")
