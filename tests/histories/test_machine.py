"""Two thousand histories of an account: limits hold and books are right at every step."""

import os
from typing import Final

import pytest
from hypothesis import seed

from tests.accounts.machine.trading import Trading, run

SEED: Final = int(os.environ.get("DISPATCHER_TEST_SEED", "20261123"))
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
def test_limits_hold_whatever_happens(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{HISTORIES:,} histories of an account, DISPATCHER_TEST_SEED={SEED}")  # noqa: T201 -- so that a failure can be replayed
    Trading.happened.clear()

    run(seed(SEED)(Trading), HISTORIES)

    seldom = {kind: Trading.happened[kind] for kind in KINDS if Trading.happened[kind] < OFTEN}
    assert seldom == {}
