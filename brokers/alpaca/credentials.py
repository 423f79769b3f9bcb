"""An account's key at the broker, and the hosts that it may be sent to."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

PAPER_HOST: Final = "paper-api.alpaca.markets"
HOSTS: Final = frozenset(
    {PAPER_HOST, "data.alpaca.markets", "data.sandbox.alpaca.markets", "stream.data.alpaca.markets"}
)
"""Alpaca's paper trading and its market data, which trades nothing."""

_STARS: Final = b"*****"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret, which print as stars."""

    key_id: SecretStr
    secret: SecretStr

    def removed_from(self, text: bytes) -> bytes:
        """Return `text` of somebody else's with stars wherever it repeats the key or the secret.

        Bodies are quoted in events and log lines, and what stands between us and the broker (a
        proxy's page about a request that it could not pass on) may well repeat our own headers.
        """
        for value in (self.secret, self.key_id):
            text = text.replace(value.get_secret_value().encode(), _STARS)
        return text


def refusal_of(url: str, *, other_hosts: bool = False) -> str | None:
    """Return why no order and no key may go to `url`, None where they may.

    Only `HOSTS` and this machine will do. `other_hosts` is the separate switch for more, such as a
    proxy; it opens no other host of Alpaca's, as one of them trades real money.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "wss", "http", "ws"):
        return f"{url!r} is no http(s) or ws(s) URL"
    if _is_loopback(host):
        return None
    if parts.scheme not in ("https", "wss"):
        return f"{url!r} would carry the account's key in the clear: use https or wss"
    alpacas = f".{host.rstrip('.')}".endswith(".alpaca.markets")
    if host in HOSTS or (other_hosts and not alpacas):
        return None
    if alpacas:
        return (
            f"{host!r} is Alpaca's, and neither its paper trading nor its market data: real money "
            "is not traded from here, whatever allow_other_hosts says; leave the key out"
        )
    return (
        f"{host!r} is neither {PAPER_HOST} nor this machine: this account trades paper; leave the "
        "key out, or set allow_other_hosts if a host of your own is to see the account's key"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
