"""What a day has cost, by our books and by the broker's, and how much it may cost. Pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.calendar import exchange_day
from accounts.limits import Limits
from accounts.state import ZERO, AccountState
from accounts.words import dollars
from events.quick import by_place


@dataclass(frozen=True, slots=True)
class DayLoss:
    """US dollars won or lost on a day, by `ours` and the `broker`'s books, and the loss allowed.

    `broker` is None where it keeps no figure, or has told none of that day.
    """

    ours: Decimal
    broker: Decimal | None
    allowed: Decimal

    @property
    def pnl(self) -> Decimal:
        """The worse of the two."""
        return self.ours if self.broker is None else min(self.ours, self.broker)

    @property
    def is_reached(self) -> bool:
        """Whether the day has cost as much as it may."""
        return -self.pnl >= self.allowed

    @property
    def words(self) -> str:
        """Both, as gates write them."""
        ours = f"{dollars(self.ours)} today"
        return ours if self.broker is None else f"{ours}; the broker's: {dollars(self.broker)}"


_day_loss = by_place(DayLoss)


def day_loss(state: AccountState, limits: Limits, today: date, news: Decimal = ZERO) -> DayLoss:
    """Return what `today` (New York) has cost; `news` is what holdings are worth more since."""
    ours = state.pnl_on(today) + news
    share = max((state.equity + news - ours) * limits.max_daily_loss_share, ZERO)
    return _day_loss(ours, brokers_pnl(state, today), min(limits.max_daily_loss, share))


def brokers_pnl(state: AccountState, today: date) -> Decimal | None:
    """Return US dollars won or lost `today` by the broker's books; None where it told none."""
    told = state.broker
    if told is None or told.equity is None or told.last_equity is None:
        return None
    if exchange_day(told.at) < today:
        return None  # its day before's equity is that of another day
    return told.equity - told.last_equity
