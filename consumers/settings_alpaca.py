"""How one account reaches Alpaca: its URLs, its keys, how long an answer may take."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Self, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from brokers.alpaca.credentials import Credentials, refusal_of
from consumers.settings_values import EnvironmentText, Flag, Table, Text, Whole


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


class AlpacaSettings(Table):
    """One account at Alpaca. Only the paper host and this machine are taken for `trading_url`.

    `http_deadline_ms` bounds each request as a whole. `allow_other_hosts` is the separate switch
    without which no key goes anywhere else.
    """

    key_id: Secret
    secret_key: Secret
    trading_url: Text = "https://paper-api.alpaca.markets"
    data_url: Text = "https://data.alpaca.markets"
    stream_url: Text = "wss://paper-api.alpaca.markets/stream"
    allow_other_hosts: Flag = False
    http_deadline_ms: Annotated[Whole, Field(gt=0, le=60_000)] = 10_000

    @property
    def credentials(self) -> Credentials:
        """The account's key and secret."""
        return Credentials(self.key_id, self.secret_key)

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
