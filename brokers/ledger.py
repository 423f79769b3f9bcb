"""The simulated broker's memory: an SQLite database, written before the broker answers.

Several processes may share one file: each holds it alone while it trades. However many orders it
has seen, a broker takes no more memory and no more time for the next one.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from weakref import finalize

from brokers.broker import Fill, OrderReport, OrderStatus
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import Side

_WAIT_S: Final = 60.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TABLES: Final = (
    """
    CREATE TABLE IF NOT EXISTS orders (
        number INTEGER PRIMARY KEY,
        client_order_id TEXT NOT NULL UNIQUE,
        broker_order_id TEXT NOT NULL UNIQUE,
        works INTEGER NOT NULL,
        last_fill_us INTEGER,
        report TEXT NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS working ON orders (number) WHERE works",
    "CREATE INDEX IF NOT EXISTS by_fill ON orders (last_fill_us)",
    "CREATE TABLE IF NOT EXISTS holdings (symbol TEXT PRIMARY KEY, quantity TEXT NOT NULL)",
)


class Ledger:
    """Every order the simulated broker has ever accepted, and what their fills add up to."""

    def __init__(self, path: Path | None) -> None:
        """Remember orders in the file at `path`; in one that goes with the process if None."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            "" if path is None else path,
            timeout=_WAIT_S,
            isolation_level=None,
            check_same_thread=False,  # the broker lets in one thread at a time
        )
        # Handed to the operating system, not forced to disk: it outlives this process, which is
        # what a simulated broker must outlive.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA journal_mode = PERSIST")  # no file made for each order
        self.close = finalize(self, self._database.close)
        with self.exclusive():
            for table in _TABLES:
                self._database.execute(table)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the ledger alone: what is done meanwhile is written whole, or not at all."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def append(self, order: OrderReport) -> None:
        """Write a new order and what it filled down."""
        self._database.execute(
            "INSERT INTO orders (client_order_id, broker_order_id, works, last_fill_us, report)"
            " VALUES (?, ?, ?, ?, ?)",
            (order.client_order_id, order.broker_order_id, *_state(order)),
        )
        filled = sum((fill.quantity for fill in order.fills), Decimal(0))
        if filled:
            held = self.held(order.symbol) + (filled if order.side is Side.BUY else -filled)
            self._database.execute(
                "INSERT INTO holdings VALUES (?, ?)"
                " ON CONFLICT (symbol) DO UPDATE SET quantity = excluded.quantity",
                (order.symbol, str(held)),
            )

    def end(self, order: OrderReport) -> None:
        """Write down how an order ended that had worked; its fills are what they were."""
        self._database.execute(
            "UPDATE orders SET works = ?, last_fill_us = ?, report = ? WHERE client_order_id = ?",
            (*_state(order), order.client_order_id),
        )

    def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """Return an order by the client's id, None where there is none."""
        return next(self._orders("client_order_id = ?", client_order_id), None)

    def find_at_broker(self, broker_order_id: BrokerOrderId) -> OrderReport | None:
        """Return an order by the broker's id, None where there is none."""
        return next(self._orders("broker_order_id = ?", broker_order_id), None)

    def working(self) -> list[OrderReport]:
        """Return the orders that may still fill, oldest first."""
        return list(self._orders("works"))

    def filled_since(self, moment: datetime) -> list[OrderReport]:
        """Return the orders whose last fill is at or after `moment`, oldest order first."""
        return list(self._orders("last_fill_us >= ?", _microseconds(moment)))

    def held(self, symbol: str) -> Decimal:
        """Return how much of `symbol` all fills add up to, sales below 0."""
        found = self._database.execute(
            "SELECT quantity FROM holdings WHERE symbol = ?", (symbol,)
        ).fetchone()
        return Decimal(0) if found is None else Decimal(found[0])

    def holdings(self) -> list[tuple[str, Decimal]]:
        """Return what is held by symbol, nothing of what came to nothing."""
        found = self._database.execute("SELECT symbol, quantity FROM holdings ORDER BY symbol")
        return [(symbol, Decimal(quantity)) for symbol, quantity in found if Decimal(quantity)]

    def orders(self) -> list[OrderReport]:
        """Return every order, oldest first."""
        return list(self._orders("true"))

    def _orders(self, condition: str, *values: object) -> Iterator[OrderReport]:
        found = self._database.execute(
            f"SELECT report FROM orders WHERE {condition} ORDER BY number",  # noqa: S608 -- conditions stand above
            values,
        )
        return (_from_json(json.loads(report)) for (report,) in found)


def read_ledger(path: Path) -> list[OrderReport]:
    """Return every order in the ledger file at `path`, oldest first."""
    ledger = Ledger(path)
    try:
        return ledger.orders()
    finally:
        ledger.close()


def _state(order: OrderReport) -> tuple[bool, int | None, str]:
    last = max((fill.filled_at for fill in order.fills), default=None)
    works = order.status is OrderStatus.WORKING
    return works, None if last is None else _microseconds(last), json.dumps(_to_json(order))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _to_json(order: OrderReport) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "broker_order_id": order.broker_order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": str(order.quantity),
        "limit_price": None if order.limit_price is None else str(order.limit_price),
        "status": order.status.value,
        "created_at": order.created_at.isoformat(),
        "fill_model": order.fill_model,
        "slippage_bps": order.slippage_bps,
        "fills": [
            {
                "quantity": str(fill.quantity),
                "price": str(fill.price),
                "cumulative_quantity": str(fill.cumulative_quantity),
                "fees": str(fill.fees),
                "filled_at": fill.filled_at.isoformat(),
            }
            for fill in order.fills
        ],
    }


def _from_json(line: dict[str, Any]) -> OrderReport:
    limit_price = line["limit_price"]
    return OrderReport(
        client_order_id=ClientOrderId(line["client_order_id"]),
        broker_order_id=BrokerOrderId(line["broker_order_id"]),
        symbol=line["symbol"],
        side=Side(line["side"]),
        quantity=Decimal(line["quantity"]),
        limit_price=None if limit_price is None else Decimal(limit_price),
        status=OrderStatus(line["status"]),
        created_at=datetime.fromisoformat(line["created_at"]),
        fill_model=line["fill_model"],
        slippage_bps=line["slippage_bps"],
        fills=tuple(
            Fill(
                quantity=Decimal(fill["quantity"]),
                price=Decimal(fill["price"]),
                cumulative_quantity=Decimal(fill["cumulative_quantity"]),
                fees=Decimal(fill["fees"]),
                filled_at=datetime.fromisoformat(fill["filled_at"]),
            )
            for fill in line["fills"]
        ),
    )
