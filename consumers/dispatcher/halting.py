"""When an account halts itself: failures in a row are a fault of ours, not of the market."""

from datetime import datetime
from typing import Final

from accounts.state import AccountState, TradingStatus
from events import roles
from events.account import AccountHalted
from events.author import Author
from events.identifiers import RecommendationId

FAILURES_IN_ROW_MAX: Final = 10
FAILING_TICKERS_MIN: Final = 3


def halt_after_failures(
    state: AccountState, author: Author, recommendation: int | None, now: datetime
) -> AccountHalted | None:
    """Return the halt that 10 failures in a row over 3 tickers call for, None where they do not."""
    if (
        recommendation is None
        or state.trading.status is TradingStatus.HALTED
        or state.failures_in_row < FAILURES_IN_ROW_MAX
        or len(state.failing_tickers) < FAILING_TICKERS_MIN
    ):
        return None
    return AccountHalted(
        envelope=author.about_recommendation(
            RecommendationId(recommendation), roles.halt("failures"), occurred_at=now
        ),
        by="dispatcher",
        reason=f"{state.failures_in_row} recommendations failed in a row, over "
        f"{len(state.failing_tickers)} tickers: `dispatcher failures list` shows them",
    )
