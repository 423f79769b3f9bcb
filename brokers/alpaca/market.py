"""The market as Alpaca shows it now: the view that the loop takes before a decision."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from immutables import Map
from pydantic import BaseModel, ConfigDict, Field

from brokers.alpaca.bodies import Number, Positive, read
from brokers.alpaca.data import AlpacaData
from brokers.alpaca.transport import AlpacaHttp
from brokers.broker import MarketView
from brokers.errors import BrokerUnavailable, NoQuote
from events.decision import MarketSeen
from events.recommendation import (
    Action,
    InstrumentType,
    OptionQuote,
    RecommendationIssued,
    StrategyType,
)
from events.values import money, quantity

SOURCE: Final = "alpaca"
CANDIDATES_MAX: Final = 100
SHARES: Final = 100
"""How many shares a contract is over, everywhere here."""
_NEW_YORK: Final = ZoneInfo("America/New_York")
_PAGES_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractWindow:
    """Which contracts may be chosen where the advice names none.

    By strategy, `days` are the least and the most days to expiry, and `strike_share` how far from
    the stock's price a strike may be, as a share of it. The rest is what makes a contract liquid:
    of those within the window the liquid one nearest to the money is taken.
    """

    days: Map[StrategyType, tuple[int, int]]
    strike_share: Map[StrategyType, Decimal]
    spread_share_max: Decimal
    open_interest_min: int
    volume_min: int


class _Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Quote(_Foreign):
    bid: Annotated[Positive, Field(alias="bp")]
    ask: Annotated[Positive, Field(alias="ap")]
    at: Annotated[datetime, Field(alias="t")]


class _Bar(_Foreign):
    volume: Annotated[int, Field(alias="v", ge=0)]


class _Greeks(_Foreign):
    delta: Number | None = None


class _Snapshot(_Foreign):
    quote: Annotated[_Quote, Field(alias="latestQuote")]
    day: Annotated[_Bar | None, Field(alias="dailyBar")] = None
    greeks: _Greeks | None = None
    iv: Annotated[Number | None, Field(alias="impliedVolatility")] = None


class _Contract(_Foreign):
    symbol: str
    tradable: bool
    strike_price: Positive
    expiration_date: date
    open_interest: Annotated[int | None, Field(ge=0)] = None
    multiplier: Positive | None = None
    size: Positive | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is traded, and over 100 shares: an adjusted one is over something else."""
        sizes = {self.multiplier or SHARES, self.size or SHARES}
        return self.tradable and sizes == {SHARES}


class AlpacaMarket:
    """Live quotes of what is recommended; an option contract is chosen where none is named."""

    def __init__(self, http: AlpacaHttp, data: AlpacaData, window: ContractWindow) -> None:
        """Ask `data` for prices and the trading API at `http` for contracts."""
        self._http = http
        self._data = data
        self._window = window

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        """Return the market for what is recommended; see `MarketData.view`."""
        if recommendation.instrument_type is InstrumentType.STOCK:
            found = self._stock(recommendation.ticker)
            return None if found is None else MarketView(market=_seen(found.quote))
        contracts = self._contracts(recommendation)
        snapshots = self._snapshots([contract.symbol for contract in contracts])
        quoted = [
            (contract, snapshots[contract.symbol])
            for contract in contracts
            if contract.symbol in snapshots
        ]
        if not quoted:
            return None
        liquid = [pair for pair in quoted if self._is_liquid(*pair)]
        contract, snapshot = (liquid or quoted)[0]
        return MarketView(market=_seen(snapshot.quote), option=_quote(contract, snapshot))

    def _stock(self, ticker: str) -> _Snapshot | None:
        body = self._data.stock_snapshot(ticker)
        found = read(_Snapshot, body)
        if found is None and body is not None:
            raise NoQuote(f"{ticker} has no bid or no ask at this moment")
        return found

    def _contracts(self, recommendation: RecommendationIssued) -> list[_Contract]:
        """Return the one that is named, or those in the window, nearest to the money first.

        None is chosen to be sold: that would be one that is not held.
        """
        if recommendation.option is not None:
            found = self._http.get(f"/v2/options/contracts/{recommendation.option.symbol}")
            named = read(_Contract, found)
            return [] if named is None or not named.is_plain else [named]
        if recommendation.action is Action.SELL:
            return []
        stock = self._stock(recommendation.ticker)
        days = self._window.days.get(recommendation.strategy_type)
        share = self._window.strike_share.get(recommendation.strategy_type)
        if stock is None or days is None or share is None:
            return []
        price = (stock.quote.bid + stock.quote.ask) / 2
        today = recommendation.issued_at.astimezone(_NEW_YORK).date()
        reach = price * share
        contracts = self._listed(
            underlying_symbols=recommendation.ticker,
            type="call" if recommendation.instrument_type is InstrumentType.CALL else "put",
            expiration_date_gte=str(today + timedelta(days=days[0])),
            expiration_date_lte=str(today + timedelta(days=days[1])),
            strike_price_gte=f"{money(price - reach):f}",
            strike_price_lte=f"{money(price + reach):f}",
        )
        nearest = sorted(
            (contract for contract in contracts if contract.is_plain),
            key=lambda one: (abs(one.strike_price - price), one.expiration_date, one.symbol),
        )
        return nearest[:CANDIDATES_MAX]

    def _listed(self, **wanted: str) -> list[_Contract]:
        found, token = list[_Contract](), ""
        for _ in range(_PAGES_MAX):
            page = self._http.get(
                "/v2/options/contracts",
                **wanted,
                status="active",
                limit="1000",
                **({"page_token": token} if token else {}),
            )
            if not isinstance(page, dict) or not isinstance(page.get("option_contracts"), list):
                raise BrokerUnavailable("the broker's option contracts cannot be read")
            read_ones = (read(_Contract, one) for one in page["option_contracts"])
            found += [one for one in read_ones if one is not None]
            token = page.get("next_page_token") or ""
            if not token:
                return found
        raise BrokerUnavailable(f"more than {_PAGES_MAX} pages of option contracts")

    def _snapshots(self, symbols: list[str]) -> dict[str, _Snapshot]:
        if not symbols:
            return {}
        found = self._data.option_snapshots(symbols)
        known = {symbol: read(_Snapshot, body) for symbol, body in found.items()}
        quoted = {symbol: one for symbol, one in known.items() if one is not None}
        if known and not quoted:
            raise NoQuote(f"{', '.join(sorted(known)[:3])} … have no bid or no ask at this moment")
        return quoted

    def _is_liquid(self, contract: _Contract, snapshot: _Snapshot) -> bool:
        quote, window = snapshot.quote, self._window
        middle = (quote.bid + quote.ask) / 2
        return (
            quote.ask - quote.bid <= middle * window.spread_share_max
            and (contract.open_interest or 0) >= window.open_interest_min
            and (snapshot.day.volume if snapshot.day else 0) >= window.volume_min
        )


def _seen(quote: _Quote) -> MarketSeen:
    return MarketSeen(
        source=SOURCE,
        observed_at=quote.at,
        reference_price=money((quote.bid + quote.ask) / 2),
        bid=money(quote.bid),
        ask=money(quote.ask),
    )


def _quote(contract: _Contract, snapshot: _Snapshot) -> OptionQuote:
    return OptionQuote(
        symbol=contract.symbol,
        strike=money(contract.strike_price),
        expiry=contract.expiration_date,
        bid=money(snapshot.quote.bid),
        ask=money(snapshot.quote.ask),
        volume=snapshot.day.volume if snapshot.day else None,
        open_interest=contract.open_interest,
        delta=_ratio(snapshot.greeks.delta if snapshot.greeks else None),
        iv=_ratio(snapshot.iv),
    )


def _ratio(value: Any) -> Decimal | None:  # noqa: ANN401 -- a number, as pydantic left it
    return None if value is None else quantity(value)
