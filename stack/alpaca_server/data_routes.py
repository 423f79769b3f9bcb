"""The paths of Alpaca's market data API."""

from datetime import UTC, date
from typing import Any, Final

from aiohttp import web

from stack.alpaca_server.data_view import quote_view, snapshot_view, trade_view
from stack.alpaca_server.errors import Refusal, bad
from stack.alpaca_server.house import House
from stack.alpaca_server.instruments import Contract
from stack.alpaca_server.lists import contract_fits, limit_in, page_of
from stack.alpaca_server.market import Quote
from stack.alpaca_server.replies import answer
from stack.alpaca_server.values import moment_of, nanos

_MOST_SNAPSHOTS: Final = 1_000
_USUAL_SNAPSHOTS: Final = 100


class DataRoutes:
    """Handlers of one house; symbols that nobody has quoted are left out, as Alpaca does."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._market = house.brokerage.market

    def routes(self) -> list[web.RouteDef]:
        """Return every path with its handler."""
        options = "/v1beta1/options"
        return [
            web.get("/v2/stocks/quotes/latest", self.stock_quotes),
            web.get("/v2/stocks/trades/latest", self.stock_trades),
            web.get("/v2/stocks/snapshots", self.stock_snapshots),
            web.get("/v2/stocks/{symbol}/quotes/latest", self.stock_quote),
            web.get("/v2/stocks/{symbol}/trades/latest", self.stock_trade),
            web.get("/v2/stocks/{symbol}/snapshot", self.stock_snapshot),
            web.get(f"{options}/quotes/latest", self.option_quotes),
            web.get(f"{options}/trades/latest", self.option_trades),
            web.get(f"{options}/snapshots", self.option_snapshots),
            web.get(f"{options}/snapshots/{{underlying}}", self.option_chain),
        ]

    async def stock_quotes(self, request: web.Request) -> web.Response:
        """Show the latest quotes of some stocks."""
        found = self._asked(request)
        views = {name: quote_view(quote, option=False) for name, quote in found.items()}
        return answer({"quotes": views})

    async def stock_trades(self, request: web.Request) -> web.Response:
        """Show the latest trades of some stocks."""
        found = self._asked(request)
        views = {name: trade_view(quote, option=False) for name, quote in found.items()}
        return answer({"trades": views})

    async def stock_snapshots(self, request: web.Request) -> web.Response:
        """Show snapshots of some stocks."""
        found = self._asked(request)
        return answer({name: snapshot_view(quote, option=False) for name, quote in found.items()})

    async def stock_quote(self, request: web.Request) -> web.Response:
        """Show the latest quote of a stock."""
        symbol, quote = self._one(request)
        return answer({"symbol": symbol, "quote": quote_view(quote, option=False)})

    async def stock_trade(self, request: web.Request) -> web.Response:
        """Show the latest trade of a stock."""
        symbol, quote = self._one(request)
        return answer({"symbol": symbol, "trade": trade_view(quote, option=False)})

    async def stock_snapshot(self, request: web.Request) -> web.Response:
        """Show a stock's snapshot."""
        symbol, quote = self._one(request)
        return answer({"symbol": symbol, **snapshot_view(quote, option=False)})

    async def option_quotes(self, request: web.Request) -> web.Response:
        """Show the latest quotes of some contracts."""
        found = self._asked(request)
        views = {name: quote_view(quote, option=True) for name, quote in found.items()}
        return answer({"quotes": views})

    async def option_trades(self, request: web.Request) -> web.Response:
        """Show the latest trades of some contracts."""
        found = self._asked(request)
        views = {name: trade_view(quote, option=True) for name, quote in found.items()}
        return answer({"trades": views})

    async def option_snapshots(self, request: web.Request) -> web.Response:
        """Show snapshots of some contracts, a page of them."""
        return self._snapshots(request, self._asked(request))

    async def option_chain(self, request: web.Request) -> web.Response:
        """Show snapshots of a stock's contracts, a page of them."""
        underlying = request.match_info["underlying"]
        found = {
            contract.symbol: quote
            for contract in self._house.brokerage.instruments.contracts()
            if contract.underlying == underlying
            and self._is_alive(contract)
            and contract_fits(contract, request.query)
            and (quote := self._market.quote(contract.symbol)) is not None
        }
        return self._snapshots(request, found)

    def _snapshots(self, request: web.Request, found: dict[str, Quote]) -> web.Response:
        if "updated_since" in request.query:
            since = nanos(request.query["updated_since"])
            found = {name: quote for name, quote in found.items() if quote.at >= since}
        limit = limit_in(request.query, "limit", default=_USUAL_SNAPSHOTS, most=_MOST_SNAPSHOTS)
        page, token = page_of(sorted(found), limit, request.query.get("page_token"), str)
        views: dict[str, Any] = {name: snapshot_view(found[name], option=True) for name in page}
        return answer({"snapshots": views, "next_page_token": token})

    def _asked(self, request: web.Request) -> dict[str, Quote]:
        symbols = [name for name in request.query.get("symbols", "").split(",") if name]
        if not symbols:
            raise bad("symbols is required")
        quotes = {name: self._market.quote(name) for name in symbols}
        return {name: quote for name, quote in quotes.items() if quote is not None}

    def _one(self, request: web.Request) -> tuple[str, Quote]:
        symbol = request.match_info["symbol"]
        quote = self._market.quote(symbol)
        if quote is None:
            raise Refusal(404, None, f"no quote found for {symbol}")
        return symbol, quote

    def _is_alive(self, contract: Contract) -> bool:
        today: date = moment_of(self._house.clock.now()).astimezone(UTC).date()
        return contract.expires_on >= today
