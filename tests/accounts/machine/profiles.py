"""The accounts that histories are told of: what each may do, and with how much money."""

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Final

from accounts.limits import LARGE, Brackets, Limits, OnDailyLoss

BASE: Final = replace(
    LARGE,
    max_open_positions=3,
    max_order_notional=Decimal(800),
    max_notional_exposure=Decimal(2_500),
    risk_share_of_equity=Decimal("0.5"),
    max_share_of_equity=Decimal(1),
    ticker_cooldown_minutes=1,
    ticker_daily_limit=1,
    max_orders_per_minute=3,
    max_orders_per_day=10,
    max_daily_loss=Decimal(40),
)
RICH: Final = Decimal(100_000)
POOR: Final = Decimal(1_500)
"""US dollars to start with: what limits allow, and less than that."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One account: its limits, US dollars to start with, and whether its owner trades elsewhere."""

    limits: Limits
    cash: Decimal
    trades_elsewhere: bool


PROFILES: Final = tuple(
    Profile(
        replace(
            BASE,
            fractional_shares=fractional,
            allow_shorting=shorting,
            brackets=brackets,
            on_daily_loss=on_daily_loss,
        ),
        cash,
        trades_elsewhere,
    )
    for trades_elsewhere, cash, fractional, shorting, brackets, on_daily_loss in product(
        (False, True), (RICH, POOR), (False, True), (False, True), Brackets, OnDailyLoss
    )
)
"""The plainest first, which a failing history is brought down to where it fails there as well."""
