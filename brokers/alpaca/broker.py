"""Alpaca's paper account as a `Broker`: one call to `submit` is at most one POST."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from brokers.alpaca.bodies import (
    AccountBody,
    ActivityBody,
    PositionBody,
    order_report,
    read,
)
from brokers.alpaca.order_lists import listed, reports_in, unread_in
from brokers.alpaca.orders import make_ready, order_body
from brokers.alpaca.post_answers import accepted
from brokers.alpaca.transport import AlpacaHttp, said
from brokers.alpaca.updates import Backfill, TradeUpdates
from brokers.books import BrokerBooks
from brokers.broker import BrokerAccount, BrokerPosition, Fill, OrderReport, OrderRequest
from brokers.errors import (
    BrokerUnavailable,
    OrderRefused,
)
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import RejectionClass

_ACTIVITY_PAGE: Final = 100
_PAGES_MAX: Final = 200
_GONE: Final = 422
_JUST_BEFORE: Final = timedelta(milliseconds=1)
"""Alpaca's ``after`` leaves out what happened at that very time."""

_BOOKED_BY_THE_DAY: Final = timedelta(days=2)
"""An option's end is booked on a day, without a time, and told on the next one."""

_T = TypeVar("_T")


class AlpacaPaperBroker:
    """One paper account. Its ledger is not final: an order may show up after a "not found"."""

    ledger_is_final: Final = False

    def __init__(
        self, http: AlpacaHttp, stream: Callable[[Backfill], TradeUpdates] | None = None
    ) -> None:
        """Trade through `http`, whose key names the account; `stream` makes what is listened to."""
        self.http: Final = http
        self._stream = stream
        self._heard: TradeUpdates | None = None
        if stream is not None:
            make_ready()  # whoever listens trades, too

    def submit(self, request: OrderRequest) -> OrderReport:
        """Place an order; see `Broker.submit`."""
        try:
            body = order_body(request)
        except ValueError as error:
            raise OrderRefused(
                f"not sent: {error}", rejection_class=RejectionClass.VALIDATION
            ) from error
        reply = self.http.send("POST", "/v2/orders", body=body, last_word=request.last_word)
        return accepted(reply, ClientOrderId(request.terms.client_order_id))

    def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """Look an order up; see `Broker.find`."""
        path = "/v2/orders:by_client_order_id"
        found = self.http.get(path, client_order_id=client_order_id)
        if found is None:
            return None
        report = order_report(found)
        if report is None or report.client_order_id != client_order_id:
            raise BrokerUnavailable(f"{path} answers with no order of that id")
        if found.get("order_class") == "bracket" and not report.legs:
            # A look-up by our id tells of no legs; the same order by the broker's id does.
            again = self.http.get(f"/v2/orders/{report.broker_order_id}", nested="true")
            return _nested(again, report)
        return report

    def cancel(self, broker_order_id: BrokerOrderId) -> None:
        """Ask for an order to be cancelled; see `Broker.cancel`."""
        reply = self.http.send("DELETE", f"/v2/orders/{_path_id(broker_order_id)}")
        if reply.status is not None and 200 <= reply.status < 300:  # noqa: PLR2004 -- success
            return
        if reply.status in (404, _GONE):
            raise OrderRefused(
                f"order {broker_order_id} cannot be cancelled: {said(reply)}", status=reply.status
            )
        raise BrokerUnavailable(f"the broker did not answer the cancel: {said(reply)}")

    def open_orders(self) -> list[OrderReport]:
        """Return the orders that may still fill, oldest first, but those only `books` can tell."""
        return reports_in(listed(self.http, status="open"))

    def orders_since(self, moment: datetime) -> list[OrderReport]:
        """Return every order that was created after `moment`, its legs in it, open or ended.

        Those that cannot be told as ours are stand in `books` alone.
        """
        return reports_in(self._since(moment))

    def missed_since(self, moment: datetime) -> list[OrderReport]:
        """Return what may have happened to any order since `moment`: created since, or filled.

        Those that cannot be told as ours are stand in `books` alone.
        """
        found = self._since(moment)
        return reports_in([*found, *self._filled_since(moment, found)])

    def fills_since(self, moment: datetime) -> list[tuple[BrokerOrderId, Fill]]:
        """Return the fills at or after `moment`, oldest first."""
        fills = []
        for activity in self.activities("FILL", moment - _JUST_BEFORE):
            if (
                activity.order_id is None
                or activity.qty is None
                or activity.price is None
                or activity.transaction_time is None
            ):
                raise BrokerUnavailable(f"FILL activity {activity.id} is incomplete")
            fill = Fill(
                quantity=abs(activity.qty),
                price=activity.price,
                cumulative_quantity=activity.cum_qty or abs(activity.qty),
                fees=Decimal(0),
                filled_at=activity.transaction_time,
            )
            if fill.filled_at >= moment:
                fills.append((BrokerOrderId(activity.order_id), fill))
        return fills

    def activities(self, kinds: str, moment: datetime) -> list[ActivityBody]:
        """Return entries of the account's history since `moment`, oldest first, all pages.

        Raises:
            BrokerUnavailable: No answer could be had, or one that cannot be read.
        """
        found, token = list[ActivityBody](), ""
        for _ in range(_PAGES_MAX):
            page = self.http.get(
                "/v2/account/activities",
                activity_types=kinds,
                after=_time(moment),
                direction="asc",
                page_size=str(_ACTIVITY_PAGE),
                **({"page_token": token} if token else {}),
            )
            if not isinstance(page, list):
                raise BrokerUnavailable("the account's activities are no list")
            entries = [_whole(read(ActivityBody, entry), "activity") for entry in page]
            found += entries
            if len(entries) < _ACTIVITY_PAGE:
                return found
            token = entries[-1].id
        raise BrokerUnavailable(f"more than {_PAGES_MAX} pages of activities since {moment}")

    def positions(self) -> list[BrokerPosition]:
        """Return what the account holds."""
        found = self.http.get("/v2/positions")
        if not isinstance(found, list):
            raise BrokerUnavailable("the account's positions are no list")
        bodies = [_whole(read(PositionBody, one), "position") for one in found]
        return [BrokerPosition(symbol=one.symbol, quantity=one.qty) for one in bodies]

    def account(self) -> BrokerAccount:
        """Return whose account this is, and its figures."""
        found = _whole(read(AccountBody, self.http.get("/v2/account")), "account")
        return BrokerAccount(
            number=found.account_number,
            cash=found.cash,
            equity=found.equity,
            last_equity=found.last_equity,
            buying_power=found.buying_power,
            blocked=found.blocked,
        )

    def books(self, since: datetime, asked_at: datetime) -> BrokerBooks:
        """Return everything that reconciling needs, orders and activities since `since`."""
        account = self.account()
        found = [*listed(self.http, status="open"), *self._since(since)]
        found += self._filled_since(since, found)
        orders = {order.broker_order_id: order for order in reports_in(found)}
        unread = {order.broker_order_id: order for order in unread_in(found)}
        activities = [
            change
            for entry in self.activities("OPEXP,OPASN,OPEXC,OPTRD", since - _BOOKED_BY_THE_DAY)
            if (change := entry.adjustment()) is not None
        ]
        return BrokerBooks(
            asked_at=asked_at,
            account=account,
            positions=tuple(self.positions()),
            orders=tuple(orders.values()),
            activities=tuple(activities),
            unread=tuple(unread.values()),
        )

    def listen(self) -> None:
        """Begin to hear the account's trade updates; see `Broker.listen`."""
        self.hush()
        if self._stream is not None:
            self._heard = self._stream(self.missed_since)
            self._heard.listen()

    def hush(self) -> None:
        """Hear no more; see `Broker.hush`."""
        if self._heard is not None:
            self._heard.close()
            self._heard = None

    def updates(self) -> Iterator[OrderReport]:
        """Return the order updates that have come in; see `Broker.updates`."""
        return iter(()) if self._heard is None else self._heard.drain()

    def orders_free(self) -> int:
        """Return what the account's rate budget leaves to new orders."""
        return self.http.budget.orders_free()

    def requests_free(self) -> int:
        """Return what the account's rate budget leaves to questions and cancels."""
        return self.http.budget.requests_free()

    def told_by(self) -> int:
        """Return the number of the stream's connection, 0 while there is none."""
        return 0 if self._heard is None else self._heard.connection

    def _since(self, moment: datetime) -> list[Any]:
        return listed(self.http, status="all", nested="true", after=_time(moment))

    def _filled_since(self, moment: datetime, known: list[Any]) -> list[Any]:
        """Return the orders that filled since `moment`, but for those that are `known`.

        A FILL activity carries no id of ours, and may be told twice: it only says which order to
        ask for, whose cumulative quantity is what counts.
        """
        told = {one.get("id") for one in known}
        told |= {leg.get("id") for one in known for leg in one.get("legs") or ()}
        filled = {order for order, _ in self.fills_since(moment)} - told
        paths = [f"/v2/orders/{_path_id(order)}" for order in sorted(filled)]
        return [_whole(self.http.get(path, nested="true"), "order") for path in paths]


def _nested(found: Any, report: OrderReport) -> OrderReport:  # noqa: ANN401 -- a foreign body
    with_legs = order_report(found)
    same = with_legs is not None and with_legs.broker_order_id == report.broker_order_id
    return with_legs if with_legs is not None and same else report


def _whole(found: _T | None, what: str) -> _T:
    if found is None:
        raise BrokerUnavailable(f"the broker's {what} cannot be read")
    return found


def _path_id(broker_order_id: BrokerOrderId) -> UUID:
    try:
        return UUID(broker_order_id)
    except ValueError:
        raise OrderRefused(f"{broker_order_id!r} is no order id of Alpaca's") from None


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
