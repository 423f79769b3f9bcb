"""How a test drives a fake Alpaca, wherever it runs."""

from dataclasses import dataclass
from typing import Any

from stack.alpaca_server.control_faults import FaultControl
from stack.alpaca_server.hours import Mode
from stack.alpaca_server.rate import MINUTE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaAccount:
    """An account of the fake, with the keys that it is reached by."""

    number: str
    key_id: str
    secret_key: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers that a request is authenticated with."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret_key}


class AlpacaControl(FaultControl):
    """A running fake: `url` is what a client is configured with, for trading and data alike."""

    __slots__ = ()

    # -- accounts, market, time -------------------------------------------------------------------

    def add_account(
        self, number: str, *, cash: str = "100000", key_id: str = "", secret_key: str = ""
    ) -> AlpacaAccount:
        """Open an account; without keys it gets some that are made from its number."""
        account = AlpacaAccount(
            number=number,
            key_id=key_id or f"PK-{number}",
            secret_key=secret_key or f"secret-of-{number}",
        )
        self.say(
            "add_account",
            number=number,
            key_id=account.key_id,
            secret_key=account.secret_key,
            cash=cash,
        )
        return account

    def change_account(self, number: str, **changes: object) -> None:
        """Change `cash`, `multiplier`, `buying_power`, `options_level`, `shorting_enabled` …."""
        self.say("change_account", number=number, changes=changes)

    def swap_keys(self, one: str, other: str) -> None:
        """Let each of two accounts be reached by the keys of the other."""
        self.say("swap_keys", one=one, other=other)

    def quote(self, symbol: str, bid: str, ask: str, **more: str) -> None:
        """Set a price; `bid_size`, `ask_size`, `last`, `volume`, `delta` …, `implied_volatility`.

        Orders that the quote reaches are filled at once, at most its size each.
        """
        self.say("set_quote", symbol=symbol, fields={"bid": bid, "ask": ask, **more})

    def instrument(self, symbol: str, **changes: object) -> None:
        """Add or change a stock or (OCC symbol) contract: `tradable`, `fractionable` …."""
        self.say("set_instrument", symbol=symbol, changes=changes)

    def set_time(self, at: str, *, running: bool = False) -> None:
        """Put the fake's clock to an ISO time, where it stands still unless `running`."""
        self.say("time", at=at, running=running)

    def use_wall_clock(self) -> None:
        """Let the fake's clock go with the machine's, as it does at first."""
        self.say("time")

    def advance(self, seconds: int) -> None:
        """Move the fake's clock on; what comes due on the way happens."""
        self.say("advance", seconds=seconds)

    def set_hours(self, mode: Mode) -> None:
        """Go by the calendar, or hold the market `open` or `closed` whatever the hour.

        While it is held, DAY orders expire by `end_day` alone.
        """
        self.say("set_hours", mode=mode)

    def set_day(self, day: str, closes: str | None) -> None:
        """Make a day (ISO) a holiday (None), or let it close at a time of New York."""
        self.say("set_day", day=day, closes=closes)

    def end_day(self) -> None:
        """Let every open DAY order expire."""
        self.say("end_day")

    def habits(self, **habits: object) -> None:
        """Change how the fake behaves, see `Habits`; what is not named is as usual again."""
        self.say("set_habits", habits=habits)

    def rate_limit(self, per_minute: int, *, window_s: int = MINUTE_S) -> None:
        """Set how many requests an account has, and begin a new minute, of `window_s`, for all."""
        self.say("rate_limit", per_minute=per_minute, window_s=window_s)

    # -- orders and holdings ----------------------------------------------------------------------

    def accept(self, number: str, client_order_id: str) -> None:
        """Take in an order that was left at `pending_new`."""
        self.say("accept_order", number=number, client_order_id=client_order_id)

    def fill(
        self, number: str, client_order_id: str, qty: str | None = None, price: str | None = None
    ) -> None:
        """Execute an order, or `qty` of it; also while it is being, or after it was, cancelled."""
        self.say("fill_order", number=number, client_order_id=client_order_id, qty=qty, price=price)

    def finish(self, number: str, client_order_id: str, how: str) -> None:
        """End an order: `canceled`, `expired` or `rejected`."""
        self.say("finish_order", number=number, client_order_id=client_order_id, how=how)

    def strangers_order(self, number: str, **order: object) -> dict[str, Any]:
        """Place an order that is not the client's; there is no receipt of a request for it."""
        return self.say("place", number=number, body=order, stranger=True)

    def hold(self, number: str, symbol: str, qty: str, price: str) -> None:
        """Put a position (negative: short, 0: none) into an account out of nowhere."""
        self.say("hold", number=number, symbol=symbol, qty=qty, price=price)

    def settle_option(self, number: str, symbol: str, how: str) -> None:
        """End an option position: `OPEXP` worthless, `OPEXC` exercised, `OPASN` assigned."""
        self.say("settle_option", number=number, symbol=symbol, how=how)

    # -- what happened ----------------------------------------------------------------------------

    def requests(self) -> list[dict[str, Any]]:
        """Return every request that came in, oldest first, see `Receipt`."""
        found: list[dict[str, Any]] = self.say("ledger")["requests"]
        return found

    def posts(self) -> list[dict[str, Any]]:
        """Return every request to place an order, oldest first."""
        return [
            each
            for each in self.requests()
            if (each["method"], each["path"]) == ("POST", "/v2/orders")
        ]

    def orders(self, number: str) -> list[dict[str, Any]]:
        """Return every order in an account's ledger, with `fills`, `parent_id`, `leg` …."""
        found: list[dict[str, Any]] = self._account(number)["orders"]
        return found

    def listeners(self, number: str) -> int:
        """Return how many listen to an account's updates."""
        return int(self._account(number)["listeners"])

    def _account(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.say("ledger", number=number, requests=False)
        return dict(found["accounts"][number])
