"""What a limit may be that is a choice between words."""

from enum import StrEnum


class SizingMethod(StrEnum):
    """How the quantity of an entry is found."""

    RISK_SHARE = "RISK_SHARE"
    FIXED_NOTIONAL = "FIXED_NOTIONAL"
    FIXED_FRACTION = "FIXED_FRACTION"


class Brackets(StrEnum):
    """Whether the broker holds an entry's stop and target, and how long all three orders work."""

    OFF = "OFF"
    DAY = "DAY"
    GTC = "GTC"


class OnDailyLoss(StrEnum):
    """What an account does when its day's loss reaches the limit.

    DECLINE: no more entries today, tomorrow goes on. REDUCE and HALT last until someone resumes.
    """

    DECLINE = "DECLINE"
    REDUCE = "REDUCE"
    HALT = "HALT"
