"""Two thousand histories of an account: limits hold and books are right at every step."""

from typing import Final

import pytest
from hypothesis import seed

from tests.accounts.machine.ground import SEED
from tests.accounts.machine.trading import Trading, run

HISTORIES: Final = 2_000
OFTEN: Final = 20
KINDS: Final = {
    *("entry", "exit", "crash before the commit", "crash before the POST", "restart"),
    *("RecommendationDeclined", "RecommendationFailed", "OrderIntended", "OrderResent"),
    *("OrderAccepted", "OrderRejected", "OrderOutcomeUnknown"),
    *("OrderFilled", "late fill", "OrderCanceled", "OrderExpired"),
    *("halt", "cancel-open", "reduce", "resume"),
    *("OUTSIDE_TRADE", "CORPORATE_ACTION", "EXPIRY"),
}
"""What has to happen in these histories, each at least so often: else they prove nothing."""


@pytest.mark.timeout(600)
def test_limits_hold_whatever_happens() -> None:
    """The seed stands at the head of every run's output, so that a failure can be replayed."""
    Trading.happened.clear()

    run(seed(SEED)(Trading), HISTORIES)

    seldom = {kind: Trading.happened[kind] for kind in KINDS if Trading.happened[kind] < OFTEN}
    assert seldom == {}
