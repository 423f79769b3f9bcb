"""Lists and pages: orders, activities, contracts, snapshots."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from stack.alpaca_server.account import Account
from stack.alpaca_server.errors import Refusal, bad
from stack.alpaca_server.instruments import Contract
from stack.alpaca_server.order import Order
from stack.alpaca_server.order_view import order_view
from stack.alpaca_server.values import decimal_in, nanos

Item = TypeVar("Item")
Query = Mapping[str, str]

_MOST_ORDERS: Final = 500
_MOST_ACTIVITIES: Final = 100
_MOST_CONTRACTS: Final = 10_000


def orders_page(account: Account, query: Query) -> list[dict[str, Any]]:
    """Return the orders that `GET /v2/orders` is asked for; the newest first unless asked."""
    nested = flag_in(query, "nested")
    status = query.get("status", "open")
    if status not in {"open", "closed", "all"}:
        raise bad("invalid status")
    after, until = _time(query, "after"), _time(query, "until")
    symbols = set(filter(None, query.get("symbols", "").split(",")))

    def fits(order: Order) -> bool:
        if nested and order.parent_id is not None:
            return False
        if status != "all" and order.has_ended is (status == "open"):
            return False
        if symbols and order.terms.symbol not in symbols:
            return False
        if query.get("side") not in {None, order.terms.side}:
            return False
        sent = order.submitted_at
        return (after is None or sent > after) and (until is None or sent < until)

    found = [order for order in account.orders.values() if fits(order)]
    found.sort(key=lambda order: order.submitted_at)
    found = _between(found, query, account)
    if query.get("direction", "desc") != "asc":
        found.reverse()
    limit = limit_in(query, "limit", default=50, most=_MOST_ORDERS)
    return [order_view(order, account if nested else None) for order in found[:limit]]


def _between(found: list[Order], query: Query, account: Account) -> list[Order]:
    for name, keeps in (("after_order_id", 1), ("before_order_id", -1)):
        if name in query:
            edge = account.orders.get(query[name])
            if edge is None:
                raise bad(f"invalid {name}")
            found = [each for each in found if keeps * (each.submitted_at - edge.submitted_at) > 0]
    return found


def activities_page(account: Account, query: Query, kinds: set[str]) -> list[dict[str, Any]]:
    """Return a page of activities; the id of the last one is the token of the next page."""
    after, until = _time(query, "after"), _time(query, "until")
    if "date" in query:
        first = nanos(query["date"][:10])
        after, until = first - 1, first + 24 * 3600 * 10**9

    def fits(activity: dict[str, Any]) -> bool:
        at = nanos(activity.get("transaction_time") or activity["date"])
        return (
            (not kinds or activity["activity_type"] in kinds)
            and (after is None or at > after)
            and (until is None or at < until)
        )

    found = [activity for activity in account.activities if fits(activity)]
    if query.get("direction", "desc") != "asc":
        found.reverse()
    token = query.get("page_token")
    if token:
        ids = [activity["id"] for activity in found]
        if token not in ids:
            raise bad("invalid page_token")
        found = found[ids.index(token) + 1 :]
    return found[: limit_in(query, "page_size", default=_MOST_ACTIVITIES, most=_MOST_ACTIVITIES)]


def contracts_page(
    known: Sequence[Contract], query: Query, today: date
) -> tuple[list[Contract], str | None]:
    """Return a page of contracts and the token of the next one.

    Without any date asked for, nothing that expires after the coming weekend is in it.
    """
    dates = ("expiration_date", "expiration_date_gte", "expiration_date_lte")
    asked = dict(query)
    if not any(name in query for name in dates):
        asked["expiration_date_lte"] = (today + timedelta(days=6 - today.weekday())).isoformat()
    underlying = set(filter(None, query.get("underlying_symbols", "").split(",")))
    status = query.get("status", "active")
    found = [
        contract
        for contract in known
        if contract.status_on(today) == status
        and (not underlying or contract.underlying in underlying)
        and contract_fits(contract, asked)
    ]
    limit = limit_in(query, "limit", default=100, most=_MOST_CONTRACTS)
    return page_of(found, limit, query.get("page_token"), lambda contract: contract.symbol)


def contract_fits(contract: Contract, query: Query) -> bool:
    """Tell whether a contract is among those that a query asks for by date, strike and type."""
    day = contract.expires_on.isoformat()
    low, high = _price(query, "strike_price_gte"), _price(query, "strike_price_lte")
    return (
        query.get("type") in {None, contract.kind}
        and query.get("root_symbol") in {None, contract.underlying}
        and query.get("expiration_date") in {None, day}
        and query.get("expiration_date_gte", day) <= day <= query.get("expiration_date_lte", day)
        and (low is None or contract.strike >= low)
        and (high is None or contract.strike <= high)
    )


def page_of(
    found: Sequence[Item], limit: int, token: str | None, key: Callable[[Item], str]
) -> tuple[list[Item], str | None]:
    """Return the page after the item that `token` names, and the token of the next page."""
    keys = [key(item) for item in found]
    if token and token not in keys:
        raise bad("invalid page_token")
    start = keys.index(token) + 1 if token else 0
    page = list(found[start : start + limit])
    more = start + limit < len(found)
    return page, key(page[-1]) if more and page else None


def limit_in(query: Query, name: str, *, default: int, most: int) -> int:
    """Return how many items are asked for. Raises Refusal (422) for nonsense."""
    value = query.get(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= most:
        raise bad(f"invalid {name}")
    return int(value)


def flag_in(query: Query, name: str) -> bool:
    """Tell whether something is asked for; `True`, as Python's clients write it, counts too."""
    return query.get(name, "").lower() in {"true", "1", "t"}


def day_in(query: Query, name: str, otherwise: date) -> date:
    """Return the date in a query. Raises Refusal (422) for nonsense."""
    try:
        return date.fromisoformat(query[name][:10]) if name in query else otherwise
    except ValueError as error:
        raise bad(f"invalid {name}") from error


def _time(query: Query, name: str) -> int | None:
    try:
        return nanos(query[name]) if name in query else None
    except ValueError as error:
        raise Refusal(422, 40010001, f"invalid {name}") from error


def _price(query: Query, name: str) -> Decimal | None:
    return decimal_in(name, query[name]) if name in query else None
