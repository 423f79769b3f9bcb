"""One order as it was meant, and what a broker tells of it and of its books."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from accounts.limits import LARGE
from brokers.books import BrokerBooks
from brokers.broker import BrokerAccount, BrokerPosition, Fill, OrderReport, OrderStatus
from consumers.dispatcher.outcomes import Writer
from events.identifiers import BrokerOrderId, ClientOrderId
from tests.builders import NOW, an_author
from tests.order_builders import an_intent

WRITER = Writer(
    author=an_author(), now=NOW, limits=LARGE, submit_window_ms=3000, answer_within_ms=13000
)
INTENT = an_intent()
ORDER = ClientOrderId(INTENT.terms.client_order_id)
SYMBOL = INTENT.terms.symbol
QUANTITY = INTENT.terms.quantity


def a_report(*cumulative: int, **changes: Any) -> OrderReport:  # noqa: ANN401 -- any field
    """Return the broker's view of the intent's order after fills up to each of `cumulative`."""
    terms = INTENT.terms
    report = OrderReport(
        broker_order_id=BrokerOrderId("b-1"),
        client_order_id=ORDER,
        symbol=SYMBOL,
        side=terms.side,
        quantity=QUANTITY,
        limit_price=terms.limit_price,
        status=OrderStatus.WORKING,
        created_at=NOW,
        fills=tuple(
            Fill(
                quantity=Decimal(total - before),
                price=Decimal(100),
                cumulative_quantity=Decimal(total),
                fees=Decimal(0),
                filled_at=NOW,
            )
            for before, total in zip((0, *cumulative), cumulative, strict=False)
        ),
        fill_model="test",
    )
    return replace(report, **changes)


def books(
    *orders: OrderReport,
    held: dict[str, int] | None = None,
    **account: Any,  # noqa: ANN401 -- any figure
) -> BrokerBooks:
    """Return the broker's books with `orders` and what it holds."""
    return BrokerBooks(
        asked_at=NOW + timedelta(minutes=5),
        account=BrokerAccount(number="SIM-1", **account),
        positions=tuple(
            BrokerPosition(symbol=symbol, quantity=Decimal(quantity))
            for symbol, quantity in (held or {}).items()
        ),
        orders=orders,
    )
