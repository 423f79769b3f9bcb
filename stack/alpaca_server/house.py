"""All that one running fake consists of, behind its two doors (Alpaca's paths, the control plane).

Both run on one event loop, and nothing here awaits: a change is whole before the next one starts.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack.alpaca_server.account import Account
from stack.alpaca_server.brokerage import Brokerage
from stack.alpaca_server.clock import FakeClock
from stack.alpaca_server.errors import Refusal
from stack.alpaca_server.exchange import Update
from stack.alpaca_server.faults import Faults, Hidden
from stack.alpaca_server.journal import Journal
from stack.alpaca_server.order import Order
from stack.alpaca_server.rate import MINUTE_S, RateWindow
from stack.alpaca_server.receipts import Receipt, Receipts


class House:
    """The brokerage with its clock, journal, faults, receipts and rate limits."""

    def __init__(self, journal: Path | None = None) -> None:
        self.brokerage = Brokerage()
        self.clock = FakeClock()
        self.faults = Faults()
        self.hidden = Hidden()
        self.receipts = Receipts()
        self.rates: dict[str, RateWindow] = {}
        self.rate_limit = 200
        self.rate_window_s = MINUTE_S
        self.tell: Callable[[Update], None] = _nobody_listens
        self._journal = Journal(journal)
        self._journal.restore(self.brokerage, self.receipts)

    def do(self, what: str, **fields: Any) -> Any:  # noqa: ANN401 -- as the change named `what`
        """Make a change at the clock's time; it is in the journal before anybody hears of it.

        Raises Refusal.
        """
        at = self.clock.now()
        self._journal.write({"at": at, "do": what, "with": fields})
        try:
            return getattr(self.brokerage, what)(at, **fields)
        finally:
            updates, self.brokerage.updates = self.brokerage.updates, []
            for update in updates:
                self.tell(update)

    def place(self, receipt: Receipt, account: Account, body: object) -> Order:
        """Place an order for the receipt of its request. Raises Refusal."""
        receipt.outcome = "refused"
        order: Order = self.do("place", number=account.number, body=body)
        receipt.outcome, receipt.order_id = "accepted", order.id
        return order

    def window(self, account: Account | None, *, data: bool) -> RateWindow:
        """Return the rate window of an account; market data has one of its own."""
        name = f"{'data' if data else 'trading'}/{account.number if account else ''}"
        window = self.rates.setdefault(name, RateWindow(self.rate_limit, self.rate_window_s))
        window.limit = self.rate_limit
        return window

    def visible(self, order: Order) -> Order:
        """Return an order that can be found. Raises Refusal (404) while it is hidden."""
        name = order.terms.client_order_id
        if self.hidden.hides(name, self.clock.now() - order.created_at):
            raise Refusal(404, 40410000, f"order not found for {name}")
        return order

    def is_due(self) -> bool:
        """Tell whether time alone has something to do: a planned step, an opening, an expiry."""
        return self.brokerage.is_due(self.clock.now())

    def note(self, receipt: Receipt) -> None:
        """Write a request and what became of it into the journal."""
        fields = {name: getattr(receipt, name) for name in receipt.__slots__}
        self._journal.write({"receipt": fields})

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def wall_seconds() -> int:
    """Return the machine's time in whole seconds, which rate limits go by."""
    return int(time.time())


def _nobody_listens(_: Update) -> None:
    return
