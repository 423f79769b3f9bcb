"""How one account reaches Alpaca: its URLs, its keys, how long an answer may take."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from brokers.alpaca.credentials import Credentials, refusal_of
from consumers.foreign import ForeignPolicy, OnForeign
from consumers.settings_values import EnvironmentText, Exact, Flag, Table, Text, Whole
from events.recommendation import StrategyType


def _from_the_environment(value: object) -> object:
    if isinstance(value, EnvironmentText):
        if _HEADER_VALUE.fullmatch(value):
            return value
        raise ValueError(
            "must be 5 to 200 printable characters without a blank: is it copied whole, and alone?"
        )
    if value is None:
        return value
    raise ValueError(
        "must not be written into a file that is shared: set it by its environment variable, or "
        "name a file that holds it by the same variable with _FILE at its end"
    )


# Anything else could go into no header, and the error about that would quote it.
_HEADER_VALUE: Final = re.compile(r"[!-~]{5,200}")

Secret: TypeAlias = Annotated[SecretStr, BeforeValidator(_from_the_environment)]

STRIKE_SHARES: Final = {
    StrategyType.DAY_TRADE: Decimal("0.05"),
    StrategyType.SWING_TRADE: Decimal("0.10"),
    StrategyType.CONSERVATIVE: Decimal("0.15"),
}
"""The longer a strategy waits, the farther the stock may go."""


def _beside_the_others(given: dict[StrategyType, Decimal]) -> dict[StrategyType, Decimal]:
    if strange := given.keys() - STRIKE_SHARES.keys():
        raise ValueError(f"no strategy is called {', '.join(sorted(strange))}")
    return {**STRIKE_SHARES, **given}


StrikeShares: TypeAlias = Annotated[
    dict[StrategyType, Annotated[Exact, Field(gt=0, le=1)]], AfterValidator(_beside_the_others)
]


class AlpacaSettings(Table):
    """One account at Alpaca. Only the paper host and this machine are taken for `trading_url`.

    `http_deadline_ms` bounds each request as a whole. `allow_other_hosts` is the separate switch
    without which no key goes anywhere else; to Alpaca's API for real money none ever goes.
    `on_foreign_orders` and `on_foreign_positions` say whether orders that nobody here asked for,
    and holdings in tickers that no order here was ever about, halt the account or are only
    reported; any other difference of holdings halts.
    `option_strike_share` says by strategy how far from the stock's price a contract may be chosen,
    as a share of that price; how many days to its expiry: `limits.option_days_to_expiry_min|max`.
    """

    key_id: Secret
    secret_key: Secret
    trading_url: Text = "https://paper-api.alpaca.markets"
    data_url: Text = "https://data.alpaca.markets"
    stream_url: Text = "wss://paper-api.alpaca.markets/stream"
    allow_other_hosts: Flag = False
    http_deadline_ms: Annotated[Whole, Field(gt=0, le=60_000)] = 10_000
    on_foreign_orders: OnForeign = OnForeign.HALT
    on_foreign_positions: OnForeign = OnForeign.HALT
    option_strike_share: StrikeShares = STRIKE_SHARES

    @property
    def credentials(self) -> Credentials:
        """The account's key and secret."""
        return Credentials(self.key_id, self.secret_key)

    @property
    def foreign(self) -> ForeignPolicy:
        """What is done about orders and holdings at the broker that are not ours."""
        return ForeignPolicy(orders=self.on_foreign_orders, positions=self.on_foreign_positions)

    @model_validator(mode="after")
    def _goes_where_it_may(self) -> Self:
        if faults := list(self._refusals()):
            raise ValueError("; ".join(faults))
        return self

    def _refusals(self) -> Iterator[str]:
        for name in ("trading_url", "data_url", "stream_url"):
            refusal = refusal_of(getattr(self, name), other_hosts=self.allow_other_hosts)
            if refusal is not None:
                yield f"{name}: {refusal}"
