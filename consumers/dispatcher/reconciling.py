"""Our books held against the broker's: what differs, and the events that put it right. Pure.

The log knows each order that is ours, open or ended, so an order at the broker that it does not
know is somebody else's. Holdings in motion (an order open here or there) are not compared: the next
time will do. What came of an option's end (expiry, assignment, exercise) is booked by the broker's
own activity, once.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from accounts.calendar import exchange_day
from accounts.contracts import OCC
from accounts.decide import plain_text
from accounts.state import ZERO, AccountState, ClosedOrder, End
from brokers.books import BrokerBooks
from brokers.broker import OrderReport, OrderStatus
from consumers.dispatcher.differences import Differences
from consumers.dispatcher.legs import named
from consumers.foreign import HALTING, ForeignPolicy, OnForeign
from events import roles
from events.account import AccountReconciled
from events.author import Author
from events.identifiers import CLIENT_ORDER_ID_LENGTH_MAX, ClientOrderId, Leg, RecommendationId
from events.values import money

END_BOOKED_WITHIN: Final = timedelta(days=5)
_OWN: Final = re.compile(r"(?P<account>[a-z0-9-]+)-(?P<number>\d{1,19})-(?P<leg>entry|stop|target)")
_HASHED: Final = re.compile(rf"_[0-9a-f]{{{CLIENT_ORDER_ID_LENGTH_MAX - 1}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What holding books against each other found.

    `known` are reports about our orders, to be taken up as any look-up's answer is; `late` are
    orders that the log gave up and the broker has; `differences` are sentences for a person, of
    which `reported` are, by the account's policy, no reason to halt.
    """

    known: tuple[OrderReport, ...]
    late: tuple[OrderReport, ...]
    differences: tuple[str, ...]
    reported: frozenset[str] = frozenset()


def compare(state: AccountState, books: BrokerBooks, policy: ForeignPolicy = HALTING) -> Comparison:
    """Hold the account as folded against the broker's `books`."""
    found = Differences(policy)
    known, late = list[OrderReport](), list[OrderReport]()
    moving = {order.terms.symbol for order in state.orders.values() if order.parent is None}
    with_legs = {order.parent for order in state.orders.values() if order.parent is not None}
    nested = {leg.report.broker_order_id for entry in books.orders for leg in entry.legs}
    for told in books.orders:
        report, is_leg = named(told, state), told.broker_order_id in state.leg_ids
        name, is_strange = report.client_order_id, False
        if told.broker_order_id in nested:
            continue  # told with its entry
        if name in state.orders or name in with_legs:
            known.append(report)
        elif ended := state.closed_orders.get(name):
            late += _late(report, ended, is_leg=is_leg)
        elif not is_leg and not _was_ours(state, name):
            is_strange = True
            found.foreign_order(
                f"order {report.broker_order_id} ({report.side} {_text(report.quantity)} "
                f"{report.symbol}, client order id {name}) is not ours"
            )
        works = report.status is OrderStatus.WORKING or report.created_at >= books.asked_at
        # One that may rest there for weeks must not hide for weeks what becomes of our holding.
        rests = is_strange and policy.orders is OnForeign.REPORT
        if works and not is_leg and not rests:
            moving.add(report.symbol)
    _unread(state, books, found)
    moving |= _moving_legs(state, books)
    moving |= {report.symbol for report in late}
    _positions(state, books, moving, found)
    differences, reported = found.told()
    return Comparison(
        known=tuple(known), late=tuple(late), differences=differences, reported=reported
    )


def reconciled(
    differences: Iterable[str], books: BrokerBooks, author: Author, now: datetime
) -> AccountReconciled:
    """Return the event that says what was found, and the broker's figures."""
    account = books.account
    return AccountReconciled(
        envelope=author.about(
            f"reconciliation:{now.isoformat()}", roles.RECONCILED, occurred_at=now
        ),
        differences=tuple(plain_text(one) for one in differences),
        broker_cash=_money(account.cash),
        broker_equity=_money(account.equity),
        broker_last_equity=_money(account.last_equity),
        broker_buying_power=_money(account.buying_power),
    )


def _late(report: OrderReport, ended: ClosedOrder, *, is_leg: bool) -> Iterator[OrderReport]:
    """Yield what the broker has of an order that the log has ended, where it matters.

    A leg works on until its entry's end has reached it, which is none of our business; of an order
    that failed here, what would close what was never known to be held must go as well.
    """
    works = report.status is OrderStatus.WORKING and not is_leg
    if works or _filled(report) > ended.cumulative_quantity:
        yield report
    if ended.end in (End.FAILED, End.REJECTED):
        yield from (leg.report for leg in report.legs if leg.report.status is OrderStatus.WORKING)


def _unread(state: AccountState, books: BrokerBooks, found: Differences) -> None:
    """Find what there is at the broker that no order of ours can have become."""
    for order in books.unread:
        name = order.client_order_id
        known = name in state.orders or name in state.closed_orders or _was_ours(state, name)
        what = f"order {order.broker_order_id} ({order.told}, client order id {name})"
        if known:
            found.ours(f"{what} has our name and cannot be read")
        else:
            found.foreign_order(f"{what} is not ours")


def _moving_legs(state: AccountState, books: BrokerBooks) -> set[str]:
    """Return the symbols whose stop or target does something that the log does not know yet.

    They rest for days, and what they protect is compared meanwhile.
    """
    told = {report.broker_order_id: report for report in books.orders}
    told |= {leg.report.broker_order_id: leg.report for one in books.orders for leg in one.legs}
    moving, at_rest = set[str](), set[str]()
    for leg in (order for order in state.orders.values() if order.parent is not None):
        report = None if leg.broker_order_id is None else told.get(leg.broker_order_id)
        if report is None:
            continue
        rests = report.status is OrderStatus.WORKING
        rests = rests and _filled(report) == leg.cumulative_quantity
        (at_rest if rests else moving).add(leg.terms.symbol)
    with_legs = {order.terms.symbol for order in state.orders.values() if order.parent is not None}
    return moving | (with_legs - at_rest)


def _positions(
    state: AccountState, books: BrokerBooks, moving: set[str], found: Differences
) -> None:
    theirs = {position.symbol: position.quantity for position in books.positions}
    gone = {symbol for symbol in state.positions if theirs.get(symbol, ZERO) == 0}
    ending = {symbol for symbol in gone if _awaits_its_end(symbol, books.asked_at)}
    # What became of them, and so of their shares, is told later.
    moving = moving | ending | {option["root"] for one in ending if (option := OCC.match(one))}
    for symbol in sorted(state.positions.keys() | theirs.keys()):
        held = state.positions.get(symbol)
        ours, has = ZERO if held is None else held.quantity, theirs.get(symbol, ZERO)
        if symbol in moving or ours == has:
            continue
        sentence = f"the broker holds {_text(has)} of {symbol}, our log {_text(ours)}"
        if held is None and not _is_traded(state, symbol):
            found.foreign_position(sentence)
        else:
            found.ours(sentence)


def _is_traded(state: AccountState, symbol: str) -> bool:
    """Whether an order of ours was ever about its ticker: what is held of it may come of that."""
    option = OCC.fullmatch(symbol)
    ticker = symbol if option is None else option["root"]
    # Shares that an assignment brings are named as the stock is: a contract's root has no dot.
    return ticker in state.ticker_days or ticker.replace(".", "") in state.ticker_days


def _awaits_its_end(symbol: str, now: datetime) -> bool:
    """Whether a contract has just expired: the broker says how it ended days later."""
    option = OCC.fullmatch(symbol)
    if option is None:
        return False
    expiry = datetime.strptime(option["expiry"], "%y%m%d").date()  # noqa: DTZ007 -- a day, no time
    return expiry <= exchange_day(now) <= expiry + END_BOOKED_WITHIN


def _was_ours(state: AccountState, name: ClientOrderId) -> bool:
    """Whether an order that is in none of the state's maps, having filled whole, was one of ours.

    A long account's ids are hashes and cannot be read back: nobody else's look like them.
    """
    if state.opened is None:
        return False
    own = _OWN.fullmatch(name)
    if own is None:
        return _HASHED.fullmatch(name) is not None
    if own["account"] != state.opened.envelope.account_name:
        return False
    return state.is_decided(RecommendationId(int(own["number"])), Leg(own["leg"].upper()))


def _filled(report: OrderReport) -> Decimal:
    return report.fills[-1].cumulative_quantity if report.fills else ZERO


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _money(value: Decimal | None) -> Decimal | None:
    return None if value is None else money(value)
