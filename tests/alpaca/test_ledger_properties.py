"""Whatever is done to it, the ledger of the fake Alpaca adds up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from stack.alpaca_server.brokerage import Brokerage
from stack.alpaca_server.errors import Refusal
from stack.alpaca_server.order import ENDED
from stack.alpaca_server.values import SECOND, cents, nanos

OPEN_AT = nanos("2026-11-24T15:00:00.123456789Z")
PRICES = st.integers(95, 105).map(str)
NAMES = st.integers(1, 30).map(str)

placing = st.builds(
    lambda name, side, qty, limit, bracket: (
        "place",
        {
            "symbol": "AAPL",
            "side": side,
            "qty": str(qty),
            "type": "limit",
            "limit_price": limit,
            "time_in_force": "day",
            "client_order_id": name,
            **(
                {
                    "order_class": "bracket",
                    "take_profit": {"limit_price": "107"},
                    "stop_loss": {"stop_price": "94"},
                }
                if bracket and side == "buy" and qty == int(qty)
                else {}
            ),
        },
    ),
    NAMES,
    st.sampled_from(["buy", "buy", "sell"]),
    st.one_of(*[st.integers(1, 20)] * 4, st.decimals("0.02", "3", places=9)),
    PRICES,
    st.booleans(),
)
quoting = st.builds(
    lambda bid, size: (
        "quote",
        {"bid": bid, "ask": str(int(bid) + 1), "ask_size": str(size), "bid_size": str(size)},
    ),
    st.sampled_from(["93", "96", "99", "102", "107", "108"]),
    st.integers(1, 15),
)
cancelling = st.builds(lambda name: ("cancel", name), NAMES)
waiting = st.builds(lambda hours: ("wait", hours), st.integers(1, 8))


@given(
    steps=st.lists(st.one_of(placing, placing, quoting, quoting, cancelling, waiting), min_size=20),
    shorts=st.booleans(),
)
def test_cash_positions_and_fills_agree_and_nothing_is_filled_twice(
    steps: list[tuple[str, object]], *, shorts: bool
) -> None:
    brokerage = Brokerage()
    at = OPEN_AT
    brokerage.add_account(at, "PA1", "key", "secret", "1000000")
    brokerage.set_quote(at, "AAPL", {"bid": "99", "ask": "100"})
    brokerage.change_account(at, "PA1", {"shorting_enabled": shorts})
    account = brokerage.account("PA1")
    refused: list[int] = []

    for what, details in steps:
        at += SECOND
        try:
            if what == "place":
                brokerage.place(at, "PA1", details)
            elif what == "quote" and isinstance(details, dict):
                brokerage.set_quote(at, "AAPL", details)
            elif what == "cancel":
                order = brokerage.by_client_order_id("PA1", str(details))
                brokerage.cancel(at, "PA1", order.id)
            elif isinstance(details, int):
                at += details * 3600 * SECOND
                brokerage.tick(at)
        except Refusal as refusal:
            refused.append(refusal.status)

    assert set(refused) <= {403, 404, 422}
    fills = [
        (fill.qty if order.terms.side == "buy" else -fill.qty, fill)
        for order in account.orders.values()
        for fill in order.fills
    ]
    held, held_for_orders = account.held("AAPL"), account.held_for_orders("AAPL")[0]
    assert held == sum((signed for signed, _ in fills), Decimal(0))
    assert account.cash == 1_000_000 - sum(
        (cents(signed * fill.price) for signed, fill in fills), Decimal(0)
    )
    # Where shorts are sold a resting buy of before may close one that an order waits to close.
    assert shorts or held_for_orders <= held
    assert len(account.activities) == len(fills) == len({fill.execution_id for _, fill in fills})
    assert set(account.open_ids) == {
        order.id for order in account.orders.values() if order.status not in ENDED
    }
    for order in account.orders.values():
        wanted, limit = order.terms.qty or Decimal(0), order.terms.limit_price
        assert order.filled_qty <= wanted
        assert (order.filled_qty == wanted) is (order.status.value == "filled")
        for fill in order.fills:
            if limit is not None:
                assert fill.price <= limit if order.terms.side == "buy" else fill.price >= limit
