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
    *("halted by failures", "the day's loss: REDUCE", "the day's loss: HALT"),
    "kept back by a halt",
    *("OUTSIDE_TRADE", "CORPORATE_ACTION", "EXPIRY"),
    *("fraction", "short entry", "exit of a short"),
    *("as much as there is money for", "declined for lack of money"),
    *("bracket", "filled STOP", "filled TARGET", "bracket cancelled in part"),
    "leg of an entry that ended unfilled",
}
"""What has to happen in these histories, each at least so often: else they prove nothing."""


@pytest.mark.timeout(1800)
def test_limits_hold_whatever_happens() -> None:
    """The seed stands at the head of every run's output, so that a failure can be replayed."""
    Trading.happened.clear()

    run(seed(SEED)(Trading), HISTORIES)

    seldom = {kind: Trading.happened[kind] for kind in KINDS if Trading.happened[kind] < OFTEN}
    assert seldom == {}
