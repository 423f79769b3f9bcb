"""What happens to an order once it is there: accepted, matched, filled, cancelled, expired.

Nothing here reads a clock or a socket: time comes with every call, updates pile up in `updates`.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from stack.alpaca_server import legs
from stack.alpaca_server.account import Account
from stack.alpaca_server.habits import Habits
from stack.alpaca_server.hours import Hours
from stack.alpaca_server.instruments import Instruments, shares_per
from stack.alpaca_server.market import Market
from stack.alpaca_server.matching import execution, is_touched
from stack.alpaca_server.order import NOTHING, WORKING, Fill, Order, Status
from stack.alpaca_server.order_view import fill_activity, update_view
from stack.alpaca_server.values import id_of

_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Update:
    """One message for the `trade_updates` stream of an account."""

    number: str
    data: dict[str, Any]


class Exchange:
    """The market place that every account trades on."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self.market = Market()
        self.hours = Hours()
        self.habits = Habits()
        self.accounts: dict[str, Account] = {}
        self.updates: list[Update] = []
        self.at = 0
        self._due: list[tuple[int, str, str, str]] = []
        self._taken: defaultdict[tuple[str, int], Decimal] = defaultdict(Decimal)

    def advance(self, at: int) -> int:
        """Go to a time, do what has come due, and return a moment that no other event has."""
        self.at = max(at, self.at + 1)
        due = sorted(each for each in self._due if each[0] <= self.at)
        self._due = [each for each in self._due if each[0] > self.at]
        steps: dict[str, Callable[[Account, Order], None]] = {
            "accept": self.accept,
            "match": self.trade,
            "cancel": self.finish_cancel,
        }
        for _, step, number, order_id in due:
            order = self.accounts[number].orders[order_id]
            if not order.has_ended:
                steps[step](self.accounts[number], order)
        for account in self.accounts.values():
            for order in account.open_orders():
                self._let_time_pass(account, order)
        return self.at

    def later(self, delay_ms: int | None, step: str, account: Account, order: Order) -> None:
        """Plan a step for an order; a delay of None leaves it to a test."""
        if delay_ms is not None:
            due = (self.at + delay_ms * _MILLISECOND, step, account.number, order.id)
            self._due.append(due)

    def is_due(self, at: int) -> bool:
        """Tell whether advancing to a time would do something."""
        if any(due <= at for due, *_ in self._due):
            return True
        return any(
            self._wants(order, at)
            for account in self.accounts.values()
            for order in account.open_orders()
        )

    def record(self, account: Account, order: Order, event: str, fill: Fill | None = None) -> Order:
        """Write an order down and tell the stream what happened to it."""
        account.keep(order)
        self.updates.append(Update(account.number, update_view(order, account, event, fill)))
        return order

    def accept(self, account: Account, order: Order) -> None:
        """Take an order in; it works when the market is open for it, else it waits."""
        if order.status is not Status.PENDING_NEW:
            return
        if self.hours.is_open(self.at, extended=order.terms.extended_hours):
            self.go_live(account, order)
        else:
            self.record(account, order.becoming(Status.ACCEPTED, self.at), "accepted")

    def go_live(self, account: Account, order: Order) -> None:
        """Let an order work, and trade it at once if it can be."""
        working = self.record(account, order.becoming(Status.NEW, self.at), "new")
        self.match(account, working)
        after = account.orders[order.id]
        if order.terms.time_in_force in {"ioc", "fok"} and not after.has_ended:
            self.finish_cancel(account, after)

    def match_all(self, symbol: str) -> None:
        """Trade every order on a symbol that its new quote reaches."""
        for account in self.accounts.values():
            for order in account.open_orders():
                if order.terms.symbol == symbol:
                    self.match(account, order)

    def match(self, account: Account, order: Order) -> None:
        """Trade an order against the present quote, now or after the usual delay."""
        touched = self._touched(account, order)
        if touched is not None and self._execution(touched) is not None:
            if self.habits.fill_after_ms == 0:
                self.trade(account, touched)
            else:
                self.later(self.habits.fill_after_ms, "match", account, touched)

    def trade(self, account: Account, order: Order) -> None:
        """Trade an order against the present quote, if it still can be."""
        touched = self._touched(account, order)
        reached = None if touched is None else self._execution(touched)
        if touched is not None and reached is not None:
            quantity, price = reached
            quote = self.market.require(touched.terms.symbol)
            self._taken[touched.id, quote.number] += quantity
            self.fill(account, touched, quantity, price)

    def fill(self, account: Account, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Execute a part of an order, or the rest of it."""
        complete = order.remaining(price) <= quantity
        fill = Fill(
            execution_id=id_of(order.id, "execution", len(order.fills)),
            at=self.at,
            qty=quantity,
            price=price,
            cumulative=order.filled_qty + quantity,
        )
        signed = quantity if order.terms.side == "buy" else -quantity
        shares = shares_per(self.instruments.ensure(order.terms.symbol))
        account.trade(order.terms.symbol, signed, price, shares)
        filled = order.with_fill(fill, complete=complete)
        account.activities.append(fill_activity(filled, fill))
        event = "fill" if complete else "partial_fill"
        legs.after_fill(self, account, self.record(account, filled, event, fill))

    def finish_cancel(self, account: Account, order: Order) -> None:
        """Cancel what is left of an order, and the legs that go with it."""
        canceled = order.becoming(Status.CANCELED, self.at)
        legs.after_end(self, account, self.record(account, canceled, "canceled"))

    def expire(self, account: Account, order: Order) -> None:
        """Let an order expire, and the legs that wait for it."""
        expired = order.becoming(Status.EXPIRED, self.at)
        legs.after_end(self, account, self.record(account, expired, "expired"))

    def reject(self, account: Account, order: Order) -> None:
        """Reject an order that had been taken in."""
        rejected = order.becoming(Status.REJECTED, self.at)
        legs.after_end(self, account, self.record(account, rejected, "rejected"))

    def _wants(self, order: Order, at: int) -> bool:
        opens = order.status is Status.ACCEPTED and self.hours.is_open(
            at, extended=order.terms.extended_hours
        )
        return opens or (self.hours.mode == "calendar" and order.expires_at <= at)

    def _let_time_pass(self, account: Account, order: Order) -> None:
        order = account.orders[order.id]
        if order.has_ended or not self._wants(order, self.at):
            return
        if self.hours.mode == "calendar" and order.expires_at <= self.at:
            self.expire(account, order)
        else:
            self.go_live(account, order)

    def _touched(self, account: Account, order: Order) -> Order | None:
        """Return the order if it may trade now, a stop only once its price has been reached."""
        order = account.orders[order.id]
        quote = self.market.quote(order.terms.symbol)
        works = order.status in WORKING or legs.watches(account, order)
        open_now = self.hours.is_open(self.at, extended=order.terms.extended_hours)
        if quote is None or not works or not open_now or not is_touched(order, quote):
            return None
        if order.terms.stop_price is not None and not order.triggered:
            order = replace(order, triggered=True)
            account.keep(order)
            if order.status is Status.HELD:
                return legs.trigger(self, account, order)
        return order

    def _execution(self, order: Order) -> tuple[Decimal, Decimal] | None:
        quote = self.market.require(order.terms.symbol)
        return execution(order, quote, self._taken.get((order.id, quote.number), NOTHING))
