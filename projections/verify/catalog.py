"""Which plain fold belongs to which projection."""

from collections.abc import Callable
from typing import Final

from projections.verify.accounts import AccountsFold
from projections.verify.advice import AdviceFold
from projections.verify.failures import FailuresFold
from projections.verify.fold import Fold
from projections.verify.legacy import LegacyFold
from projections.verify.orders import OrdersFold
from projections.verify.others import DeadLettersFold, RunsFold
from projections.verify.statuses import StatusFold

FOLDS: Final[dict[str, Callable[[], Fold]]] = {
    "executions": OrdersFold,
    "status": StatusFold,
    "recommendations": AdviceFold,
    "failures": FailuresFold,
    "dead-letters": DeadLettersFold,
    "runs": RunsFold,
    "accounts": AccountsFold,
    "legacy": LegacyFold,
}
"""By the projection's name; each gives the tables that the projection fills."""

SCREENED: Final = frozenset({"executions", "status", "recommendations"})
"""Those whose every row is about one recommendation, and which grow with the log."""

SUMS: Final = frozenset({"accounts"})
"""Those whose rows say what a whole log comes to."""
