"""The simulated broker's memory: a file of JSON lines, written before it answers.

Several processes may share one file: each line is appended under a lock, and every reader takes up
what others have appended before it looks anything up.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from brokers.broker import Fill, OrderReport, OrderStatus
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import Side


class Ledger:
    """Every order the simulated broker has ever accepted, by client order id, in order."""

    def __init__(self, path: Path | None) -> None:
        """Remember orders in the file at `path`, or in memory alone when it is None."""
        self._orders: dict[ClientOrderId, OrderReport] = {}
        self._path = path
        self._file: IO[bytes] | None = None
        self._taken_up = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def exclusive(self) -> Iterator[dict[ClientOrderId, OrderReport]]:
        """Hold the ledger alone and yield all that stands in it, other processes' lines too."""
        if self._path is None:
            yield self._orders
            return
        with self._path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released by closing
            self._file = file
            try:
                self._take_up(file)
                yield self._orders
            finally:
                self._file = None

    def append(self, order: OrderReport) -> None:
        """Write `order` down; to be called while holding `exclusive`."""
        if self._file is not None:
            # Handed to the operating system, not forced to disk: it outlives this process, which
            # is what a simulated broker must outlive.
            self._file.write(json.dumps(_to_json(order)).encode() + b"\n")
            self._taken_up = self._file.tell()
        self._orders[order.client_order_id] = order

    def _take_up(self, file: IO[bytes]) -> None:
        file.seek(self._taken_up)
        for line in file.read().splitlines():
            order = _from_json(json.loads(line))
            self._orders[order.client_order_id] = order
        self._taken_up = file.tell()


def read_ledger(path: Path) -> list[OrderReport]:
    """Return every order in the ledger file at `path`, a line each, repeats included."""
    return [_from_json(json.loads(line)) for line in path.read_bytes().splitlines()]


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
