"""Which orders may work before the open and after the close: limits on whole shares, by the day."""

from datetime import date, datetime
from decimal import Decimal

from accounts.calendar import exchange_day, extended, session
from accounts.limits import Limits
from events.order import OrderType
from events.recommendation import InstrumentType, RecommendationIssued


def may_extend(advice: RecommendationIssued, quantity: Decimal, limits: Limits) -> bool:
    """Whether an order of `quantity` may trade outside the exchange's own hours.

    The broker takes fractions there for some stocks alone, so none goes out.
    """
    return (
        advice.strategy_type in limits.extended_hours
        and advice.instrument_type is InstrumentType.STOCK
        and limits.order_type is OrderType.LIMIT
        and quantity == quantity.to_integral_value()
    )


def in_session(now: datetime) -> bool:
    """Whether the exchange itself is open at `now`."""
    today = session(exchange_day(now))
    return today is not None and today.open_at <= now < today.close_at


def session_end(day: date, *, is_extended: bool) -> datetime | None:
    """Return when the session of `day` ends (UTC), trading around it included if `is_extended`.

    What arrives later the broker keeps for the next day. None where there is no session.
    """
    today = session(day)
    if today is None:
        return None
    return extended(today)[1] if is_extended else today.close_at
