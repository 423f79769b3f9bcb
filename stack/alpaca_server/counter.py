"""The counter of the brokerage, where clients place, cancel and look up orders."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from stack.alpaca_server import means, rules
from stack.alpaca_server.account import Account
from stack.alpaca_server.errors import Refusal, broken, order_not_found
from stack.alpaca_server.exchange import Exchange
from stack.alpaca_server.hours import Hours
from stack.alpaca_server.instruments import Contract, Instrument
from stack.alpaca_server.legs import legs_of
from stack.alpaca_server.order import Order, Status, Terms
from stack.alpaca_server.terms import read_terms
from stack.alpaca_server.values import SECOND, decimal_in, id_of, is_uuid, text

_GTC_NS: Final = 90 * 24 * 3600 * SECOND


class Counter(Exchange):
    """What a client may ask for; each method raises Refusal where Alpaca answers with an error."""

    def account(self, number: str) -> Account:
        """Return an account by its number. Raises Refusal (404)."""
        found = self.accounts.get(number)
        if found is None:
            raise Refusal(404, None, f"there is no account {number}")
        return found

    def by_keys(self, key_id: str | None, secret_key: str | None) -> Account | None:
        """Return the account that the keys belong to."""
        keys = (key_id, secret_key)
        fitting = (
            each for each in self.accounts.values() if (each.key_id, each.secret_key) == keys
        )
        return next(fitting, None)

    def place(self, at: int, number: str, body: object, *, stranger: bool = False) -> Order:
        """Take an order in, or refuse it; returns it as it stood when it was taken in.

        Raises Refusal.
        """
        at = self.advance(at)
        account = self.account(number)
        order_id = id_of(number, "order", len(account.orders), at)
        terms = read_terms(body, default_id=id_of(order_id, "client"))
        rules.check_account(account)
        if not self.habits.funds_before_id:
            means.check_unique(terms, account)
        instrument = rules.instrument_for(terms, self.instruments, self.hours, at)
        intent = means.intent_of(terms, account)
        if isinstance(instrument, Contract):
            rules.check_option(terms, instrument, account, self.hours, at, intent=intent)
        else:
            rules.check_stock(terms, instrument, self.hours, at)
        order = _new_order(order_id, terms, intent, at, self.hours, stranger=stranger)
        self._check_means(order, instrument, account)
        means.check_unique(terms, account)
        legs = legs_of(order) if terms.order_class == "bracket" else ()
        order = replace(order, leg_ids=tuple(leg.id for leg in legs))
        for each in (order, *legs):
            account.keep(each)
        if self.habits.accept_after_ms == 0:
            self.accept(account, order)
        else:
            self.later(self.habits.accept_after_ms, "accept", account, order)
        return order

    def cancel(self, at: int, number: str, order_id: str) -> None:
        """Ask for an order to be cancelled. Raises Refusal (404, 422)."""
        self.advance(at)
        account, order = self.account(number), self.order(number, order_id)
        if order.has_ended or order.status is Status.PENDING_CANCEL:
            raise broken(f'order is already in "{order.status.value}" state')
        if self.habits.fill_while_cancelling:
            self.fill_rest(account, order)
        elif self.habits.cancel_after_ms == 0:
            self.finish_cancel(account, order)
        else:
            pending = order.becoming(Status.PENDING_CANCEL, self.at)
            self.record(account, pending, "pending_cancel")
            self.later(self.habits.cancel_after_ms, "cancel", account, pending)

    def order(self, number: str, order_id: str) -> Order:
        """Return an order by its id. Raises Refusal (404; 422 when it is no id at all)."""
        if not is_uuid(order_id):
            raise Refusal(422, 40010001, f"order id must be a UUID: {order_id}")
        found = self.account(number).orders.get(order_id)
        if found is None:
            raise order_not_found(order_id)
        return found

    def by_client_order_id(self, number: str, client_order_id: str) -> Order:
        """Return an order by the id that the client gave it. Raises Refusal (404)."""
        account = self.account(number)
        order_id = account.by_client_order_id.get(client_order_id)
        if order_id is None:
            raise order_not_found(client_order_id)
        return account.orders[order_id]

    def fill_rest(
        self, account: Account, order: Order, *, qty: str | None = None, price: str | None = None
    ) -> None:
        """Execute `qty` of an order or its rest, at `price` or the market's within its limit.

        Raises Refusal (400) for more than is left.
        """
        at_price = self._market_price(order) if price is None else decimal_in("price", price)
        left = order.remaining(at_price)
        quantity = left if qty is None else decimal_in("qty", qty)
        if not 0 < quantity <= left:
            raise Refusal(400, None, f"{text(quantity)} cannot be filled, {text(left)} are left")
        self.fill(account, order, quantity, at_price)

    def _market_price(self, order: Order) -> Decimal:
        terms = order.terms
        if terms.limit_price is None:
            return self.market.require(terms.symbol).price_for(terms.side)
        quote = self.market.quote(terms.symbol)
        far_side = terms.limit_price if quote is None else quote.price_for(terms.side)
        better = min if terms.side == "buy" else max
        return better(terms.limit_price, far_side)

    def _check_means(self, order: Order, instrument: Instrument, account: Account) -> None:
        means.check_wash_trade(order, account)
        means.check_quantity(order, instrument, account)
        means.check_funds(order, instrument, account, self.instruments, self.market)


def _new_order(
    order_id: str, terms: Terms, intent: str, at: int, hours: Hours, *, stranger: bool
) -> Order:
    lasts = terms.time_in_force == "gtc"
    expires = at + _GTC_NS if lasts else hours.day_ends(at, extended=terms.extended_hours)
    return Order(
        id=order_id,
        terms=terms,
        position_intent=intent,
        status=Status.PENDING_NEW,
        created_at=at,
        submitted_at=at,
        updated_at=at,
        expires_at=expires,
        from_stranger=stranger,
    )
