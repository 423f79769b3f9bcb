"""The brokerage: everything that can be asked of it or done to it, without HTTP.

Every change is a method that takes the time first and plain JSON values after it. So a journal can
write the call down and play it back (`journal.py`), and the same story always has the same ids.
"""

from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from stack.alpaca_server.account import Account, Holding
from stack.alpaca_server.counter import Counter
from stack.alpaca_server.errors import Refusal, broken
from stack.alpaca_server.habits import read_habits
from stack.alpaca_server.hours import Mode
from stack.alpaca_server.order import ENDED, NOTHING, Status
from stack.alpaca_server.order_view import activity_id
from stack.alpaca_server.values import SECOND, decimal_in, id_of, stamp, text

_GTC_NS: Final = 90 * 24 * 3600 * SECOND
_LATE_FILLS: Final = frozenset({Status.CANCELED, Status.EXPIRED})
_FLAGS: Final = (
    "status",
    "options_level",
    "shorting_enabled",
    "trading_blocked",
    "account_blocked",
    "trade_suspended_by_user",
)


class Brokerage(Counter):
    """Accounts and their orders on one exchange."""

    # -- accounts ---------------------------------------------------------------------------------

    def add_account(self, at: int, number: str, key_id: str, secret_key: str, cash: str) -> None:
        """Open an account with a number and keys of the test's choice."""
        if number in self.accounts:
            raise Refusal(400, None, f"there is an account {number} already")
        self.accounts[number] = Account(
            number=number,
            id=id_of("account", number),
            key_id=key_id,
            secret_key=secret_key,
            cash=decimal_in("cash", cash),
            created_at=self.advance(at),
        )

    def change_account(self, at: int, number: str, changes: dict[str, Any]) -> None:
        """Change flags, level, `multiplier`, `cash` or `buying_power` (None computes it again)."""
        self.advance(at)
        account = self.account(number)
        for name, value in changes.items():
            if name in {"cash", "multiplier"}:
                setattr(account, name, decimal_in(name, value))
            elif name == "buying_power":
                pinned = None if value is None else decimal_in(name, value)
                account.pinned_buying_power = pinned
            elif name in _FLAGS:
                setattr(account, name, value)
            else:
                raise Refusal(400, None, f"an account has no {name}")

    def swap_keys(self, at: int, one: str, other: str) -> None:
        """Let each of two accounts be reached by the keys of the other."""
        self.advance(at)
        a, b = self.account(one), self.account(other)
        a.key_id, b.key_id = b.key_id, a.key_id
        a.secret_key, b.secret_key = b.secret_key, a.secret_key

    # -- orders, as a test drives them ------------------------------------------------------------

    def accept_order(self, at: int, number: str, client_order_id: str) -> None:
        """Take in an order that was left at `pending_new`."""
        self.advance(at)
        self.accept(self.account(number), self.by_client_order_id(number, client_order_id))

    def fill_order(
        self,
        at: int,
        number: str,
        client_order_id: str,
        qty: str | None = None,
        price: str | None = None,
    ) -> None:
        """Execute a part of an order or its rest, even one that is being or has been cancelled."""
        self.advance(at)
        account, order = self.account(number), self.by_client_order_id(number, client_order_id)
        if order.has_ended and order.status not in _LATE_FILLS:
            raise broken(f'order is already in "{order.status.value}" state')
        self.fill_rest(account, order, qty=qty, price=price)

    def finish_order(self, at: int, number: str, client_order_id: str, how: str) -> None:
        """End an order: `canceled`, `expired` or `rejected`."""
        self.advance(at)
        account, order = self.account(number), self.by_client_order_id(number, client_order_id)
        if order.has_ended:
            raise broken(f'order is already in "{order.status.value}" state')
        ends = {"canceled": self.finish_cancel, "expired": self.expire, "rejected": self.reject}
        if how not in ends:
            raise Refusal(400, None, f"an order cannot be {how}")
        ends[how](account, order)

    def end_day(self, at: int) -> None:
        """Let every open DAY order expire now, whatever the hour."""
        self.advance(at)
        for account in self.accounts.values():
            for order in account.open_orders():
                if order.terms.time_in_force == "day" and order.status not in ENDED:
                    self.expire(account, account.orders[order.id])

    # -- holdings ---------------------------------------------------------------------------------

    def hold(self, at: int, number: str, symbol: str, qty: str, price: str) -> None:
        """Put a position (negative: short) into an account without order, cash or activity."""
        self.advance(at)
        self.instruments.ensure(symbol)
        quantity = decimal_in("qty", qty)
        account = self.account(number)
        account.holdings.pop(symbol, None)
        if quantity:
            account.holdings[symbol] = Holding(quantity, decimal_in("price", price))

    def settle_option(self, at: int, number: str, symbol: str, how: str) -> None:
        """End an option position: `OPEXP` worthless, `OPEXC` exercised, `OPASN` assigned."""
        at = self.advance(at)
        account, contract = self.account(number), self.instruments.contract(symbol)
        quantity = account.held(symbol)
        if quantity == 0 or how not in {"OPEXP", "OPEXC", "OPASN"}:
            raise Refusal(400, None, f"{symbol} cannot be settled by {how}")
        account.trade(symbol, -quantity, NOTHING, Decimal(1))
        self._note(at, account, how, symbol, -quantity, NOTHING)
        if how != "OPEXP":
            shares = quantity * 100 * (1 if contract.kind == "call" else -1)
            account.trade(contract.underlying, shares, contract.strike, Decimal(1))
            self._note(at, account, "OPTRD", contract.underlying, shares, contract.strike)

    # -- market, hours, habits --------------------------------------------------------------------

    def set_quote(self, at: int, symbol: str, fields: dict[str, Any]) -> None:
        """Set what a symbol trades at; unknown symbols become ordinary stocks or contracts."""
        at = self.advance(at)
        self.instruments.ensure(symbol)
        self.market.set(at, symbol, fields)
        self.match_all(symbol)

    def set_instrument(self, at: int, symbol: str, changes: dict[str, Any]) -> None:
        """Add or change a stock or contract; see `Asset` and `Contract` for what it has."""
        self.advance(at)
        self.instruments.change(symbol, changes)

    def set_hours(self, at: int, mode: Mode) -> None:
        """Let the calendar count, or hold the market open or closed against it."""
        self.hours.mode = mode
        self.advance(at)

    def set_day(self, at: int, day: str, closes: str | None) -> None:
        """Overrule the calendar: a holiday (None), or a session that closes then (New York)."""
        self.hours.overruled[date.fromisoformat(day)] = (
            None if closes is None else time.fromisoformat(closes)
        )
        self.advance(at)

    def set_habits(self, at: int, habits: dict[str, Any]) -> None:
        """Change how the fake behaves; what is not named goes back to its default."""
        self.advance(at)
        self.habits = read_habits(habits)

    def set_clock(self, at: int) -> None:
        """Go to a time that may lie in the past."""
        self.at = 0
        self.advance(at)

    def tick(self, at: int) -> None:
        """Do what has come due."""
        self.advance(at)

    # -- within -----------------------------------------------------------------------------------

    def _note(
        self, at: int, account: Account, kind: str, symbol: str, qty: Decimal, price: Decimal
    ) -> None:
        number = len(account.activities)
        account.activities.append(
            {
                "activity_type": kind,
                "id": activity_id(at, id_of(account.number, "activity", number)),
                "date": stamp(at)[:10],
                "net_amount": text(-qty * price),
                "description": "",
                "symbol": symbol,
                "qty": text(qty),
                "price": text(price),
                "status": "executed",
            }
        )
