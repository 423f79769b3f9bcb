"""A look at a paper account that changes nothing: for `dispatcher doctor`."""

from dataclasses import dataclass
from datetime import datetime

from brokers.alpaca.bodies import AccountBody, ClockBody, read
from brokers.alpaca.transport import AlpacaHttp
from brokers.errors import BrokerUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAccount:
    """What the broker says of an account; `blocked` says why it may not trade, empty if it may.

    `options_level` is 0 where options are not allowed, None where the broker does not say.
    """

    number: str
    status: str
    blocked: str
    options_level: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketClock:
    """The broker's own clock: what time it has, and whether the exchange is open."""

    at: datetime
    is_open: bool


def look_at_account(http: AlpacaHttp) -> PaperAccount:
    """Return whose account the key opens.

    Raises:
        BrokerUnavailable: No answer could be had; `CredentialsRefused` where the key is unknown.
    """
    found = read(AccountBody, http.get("/v2/account"))
    if found is None:
        raise BrokerUnavailable("the broker's account cannot be read")
    return PaperAccount(
        number=found.account_number,
        status=found.status,
        blocked=found.blocked,
        options_level=found.options_trading_level,
    )


def look_at_clock(http: AlpacaHttp) -> MarketClock:
    """Return what time the broker has; errors as `look_at_account`."""
    found = read(ClockBody, http.get("/v2/clock"))
    if found is None:
        raise BrokerUnavailable("the broker's clock cannot be read")
    return MarketClock(at=found.timestamp, is_open=found.is_open)
