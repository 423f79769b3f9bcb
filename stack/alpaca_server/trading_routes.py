"""The paths of Alpaca's trading API."""

from datetime import timedelta

from aiohttp import web

from stack.alpaca_server.account_view import account_view, position_view, positions_view
from stack.alpaca_server.door import ACCOUNT, BODY, RECEIPT
from stack.alpaca_server.errors import bad, not_covered
from stack.alpaca_server.house import House
from stack.alpaca_server.instrument_view import asset_view, clock_view, contract_view
from stack.alpaca_server.lists import activities_page, contracts_page, day_in, flag_in, orders_page
from stack.alpaca_server.order_view import order_view
from stack.alpaca_server.replies import answer
from stack.alpaca_server.values import nanos


class TradingRoutes:
    """Handlers of one house; each raises Refusal where Alpaca answers with an error."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[web.RouteDef]:
        """Return every path with its handler."""
        return [
            web.post("/v2/orders", self.place),
            web.get("/v2/orders", self.list_orders),
            web.delete("/v2/orders", self.cancel_all),
            web.get("/v2/orders:by_client_order_id", self.find),
            web.get("/v2/orders/{order_id}", self.show),
            web.patch("/v2/orders/{order_id}", self.not_covered),
            web.delete("/v2/orders/{order_id}", self.cancel),
            web.get("/v2/positions", self.list_positions),
            web.delete("/v2/positions", self.not_covered),
            web.get("/v2/positions/{symbol}", self.show_position),
            web.delete("/v2/positions/{symbol}", self.not_covered),
            web.get("/v2/account", self.account),
            web.get("/v2/account/activities", self.activities),
            web.get("/v2/account/activities/{kind}", self.activities),
            web.get("/v2/assets/{symbol}", self.asset),
            web.get("/v2/options/contracts", self.contracts),
            web.get("/v2/options/contracts/{symbol}", self.contract),
            web.get("/v2/clock", self.clock),
            web.get("/v2/calendar", self.calendar),
        ]

    async def place(self, request: web.Request) -> web.Response:
        """Place an order; the answer shows it as it was taken in, `pending_new`."""
        account = request[ACCOUNT]
        order = self._house.place(request[RECEIPT], account, request[BODY])
        return answer(order_view(order, account))

    async def list_orders(self, request: web.Request) -> web.Response:
        """List orders."""
        hidden, now = self._house.hidden, self._house.clock.now()
        page = orders_page(request[ACCOUNT], request.query)
        visible = [
            view
            for view in page
            if not hidden.hides(
                view["client_order_id"], now - nanos(view["created_at"]), counts=False
            )
        ]
        return answer(visible)

    async def show(self, request: web.Request) -> web.Response:
        """Show one order."""
        account = request[ACCOUNT]
        order = self._house.brokerage.order(account.number, request.match_info["order_id"])
        nested = flag_in(request.query, "nested")
        return answer(order_view(self._house.visible(order), account if nested else None))

    async def find(self, request: web.Request) -> web.Response:
        """Look an order up by its client order id."""
        named = request.query.get("client_order_id")
        if not named:
            raise bad("client_order_id is required")
        order = self._house.brokerage.by_client_order_id(request[ACCOUNT].number, named)
        return answer(order_view(self._house.visible(order)))

    async def cancel(self, request: web.Request) -> web.Response:
        """Ask for a cancel: 204, and the order is on its way out."""
        number = request[ACCOUNT].number
        self._house.do("cancel", number=number, order_id=request.match_info["order_id"])
        return web.Response(status=204)

    async def cancel_all(self, request: web.Request) -> web.Response:
        """Ask for a cancel of everything open."""
        account = request[ACCOUNT]
        asked = []
        for order in list(account.open_orders()):
            if not account.orders[order.id].has_ended:
                self._house.do("cancel", number=account.number, order_id=order.id)
                asked.append({"id": order.id, "status": 200})
        return answer(asked, status=207)

    async def list_positions(self, request: web.Request) -> web.Response:
        """List positions."""
        return answer(positions_view(request[ACCOUNT], self._house.brokerage))

    async def show_position(self, request: web.Request) -> web.Response:
        """Show one position."""
        symbol = request.match_info["symbol"]
        return answer(position_view(request[ACCOUNT], self._house.brokerage, symbol))

    async def account(self, request: web.Request) -> web.Response:
        """Show the account."""
        return answer(account_view(request[ACCOUNT], self._house.brokerage))

    async def activities(self, request: web.Request) -> web.Response:
        """List fills, and what else happened to the account."""
        named = request.match_info.get("kind") or request.query.get("activity_types", "")
        kinds = set(filter(None, named.split(",")))
        return answer(activities_page(request[ACCOUNT], request.query, kinds))

    async def asset(self, request: web.Request) -> web.Response:
        """Show a stock."""
        return answer(
            asset_view(self._house.brokerage.instruments.stock(request.match_info["symbol"]))
        )

    async def contracts(self, request: web.Request) -> web.Response:
        """List option contracts."""
        house, now = self._house, self._house.clock.now()
        today = house.brokerage.hours.new_york(now).date()
        known = house.brokerage.instruments.contracts()
        page, token = contracts_page(known, request.query, today)
        views = [contract_view(contract, now, today) for contract in page]
        return answer({"option_contracts": views, "next_page_token": token})

    async def contract(self, request: web.Request) -> web.Response:
        """Show an option contract."""
        found = self._house.brokerage.instruments.contract(request.match_info["symbol"])
        now = self._house.clock.now()
        today = self._house.brokerage.hours.new_york(now).date()
        return answer(contract_view(found, now, today))

    async def clock(self, _: web.Request) -> web.Response:
        """Show the market clock."""
        return answer(clock_view(self._house.brokerage.hours, self._house.clock.now()))

    async def calendar(self, request: web.Request) -> web.Response:
        """List trading days; a year from today unless asked otherwise."""
        today = self._house.brokerage.hours.new_york(self._house.clock.now()).date()
        first = day_in(request.query, "start", today)
        last = day_in(request.query, "end", first + timedelta(days=365))
        return answer(self._house.brokerage.hours.calendar(first, last))

    async def not_covered(self, request: web.Request) -> web.Response:
        """Say that the fake cannot do this."""
        raise not_covered(f"{request.method} {request.path}")
