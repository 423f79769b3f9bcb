"""How this build keeps what projections have folded."""

from uuid import UUID

from consumers.evolve_code import rows_code
from consumers.logs import get_log
from projections.kept import Keeping


def keeping_by(kept_by: UUID | None = None) -> Keeping:
    """Return how folds are kept `kept_by` whom; by nobody, they are only looked at."""
    return Keeping(code=rows_code(), say=_say, kept_by=kept_by)


def _say(told: str) -> None:
    get_log().info("projection_fold_not_kept", told=told)
