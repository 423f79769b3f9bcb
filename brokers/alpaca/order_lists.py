"""Alpaca's lists of orders: all pages, and what of them can be told as ours are.

Others may trade at the same account: by notional, several legs in one, kinds that are yet to come.
Such an order is no reason to see none at all.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from brokers.alpaca.bodies import order_report, read
from brokers.alpaca.transport import AlpacaHttp
from brokers.books import UnreadOrder
from brokers.broker import OrderReport
from brokers.errors import BrokerUnavailable
from events.identifiers import BrokerOrderId, ClientOrderId

_PAGE: Final = 500
_PAGES_MAX: Final = 200


class _AnyOrder(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    client_order_id: str | None = None
    symbol: Any = None
    side: Any = None
    status: Any = None
    order_class: Any = None
    qty: Any = None
    notional: Any = None


def listed(http: AlpacaHttp, **wanted: str) -> list[Any]:
    """Return the orders that are `wanted`: each page starts after the last order of the one before.

    Raises:
        BrokerUnavailable: No answer could be had, or one that is no list of orders.
    """
    found, seen = list[Any](), set[str]()
    after = wanted.pop("after", None)
    for _ in range(_PAGES_MAX):
        asked = {**wanted, "direction": "asc", "limit": str(_PAGE)}
        page = http.get("/v2/orders", **asked, **({"after": after} if after else {}))
        if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
            raise BrokerUnavailable("the account's orders are no list of orders")
        fresh = [one for one in page if one.get("id") not in seen]
        found += fresh
        seen.update(str(one.get("id")) for one in fresh)
        if len(page) < _PAGE or not fresh:
            return found
        after = str(fresh[-1].get("submitted_at") or fresh[-1].get("created_at"))
    raise BrokerUnavailable(f"more than {_PAGES_MAX} pages of orders")


def reports_in(found: Iterable[Any]) -> list[OrderReport]:
    """Return the orders that can be told as ours are."""
    return [report for one in found if (report := order_report(one)) is not None]


def unread_in(found: Iterable[Any]) -> list[UnreadOrder]:
    """Return the other ones.

    Raises:
        BrokerUnavailable: One has not even an id.
    """
    return [_unread(one) for one in found if order_report(one) is None]


def _unread(found: Any) -> UnreadOrder:  # noqa: ANN401 -- a foreign body
    body = read(_AnyOrder, found)
    if body is None:
        raise BrokerUnavailable("the broker's order cannot be read")
    amount = body.qty if body.notional is None else f"${body.notional} of"
    said = (body.status, body.order_class, body.side, amount, body.symbol)
    return UnreadOrder(
        broker_order_id=BrokerOrderId(body.id),
        client_order_id=ClientOrderId(body.client_order_id or ""),
        told=" ".join(str(one)[:50] for one in said if one) or "nothing is told of it",
    )
