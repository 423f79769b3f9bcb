"""The broker, the market and the clock that an account's settings ask for: built here alone."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Final

from immutables import Map

from accounts.limits import Limits
from accounts.special_limits import limits_for
from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.data import AlpacaData
from brokers.alpaca.market import AlpacaMarket, ContractWindow
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import AlpacaHttp
from brokers.alpaca.updates import Backfill, TradeUpdates
from brokers.broker import Broker, MarketData, MarketView
from brokers.simulated import RecommendedMarket, SimulatedBroker, SimulationTerms
from consumers.clock import Clock, SystemClock, elapsed_s
from consumers.dispatcher.historical_clock import HistoricalClock
from consumers.dispatcher.market_views import MarketAtHand, MarketBeside, MarketViews
from consumers.settings_account import AccountSettings
from consumers.settings_alpaca import AlpacaSettings
from events.recommendation import InstrumentType, RecommendationIssued, StrategyType

_BEFORE_HISTORY: Final = datetime(1900, 1, 1, tzinfo=UTC)


def wire(account: AccountSettings) -> tuple[Broker, Clock]:
    """Return the broker and the clock that an account's settings ask for."""
    if account.alpaca is not None:
        return _paper(account.alpaca), SystemClock()
    terms = account.simulation
    broker = SimulatedBroker(
        account_number=account.broker_account_number,
        terms=SimulationTerms(
            slippage_bps=terms.slippage_bps,
            fee_per_order=terms.fee_per_order,
            partial_fills=terms.partial_fills,
            resting_orders=terms.resting_orders,
        ),
        ledger=account.ledger,
    )
    if account.clock == "historical":
        return broker, HistoricalClock(broker, _BEFORE_HISTORY)
    return broker, SystemClock()


def market_of(account: AccountSettings, broker: Broker) -> MarketData:
    """Return where the account's decisions see the market; contracts are asked for at `broker`."""
    at = account.alpaca
    if at is None:
        return RecommendedMarket()
    http = broker.http if isinstance(broker, AlpacaPaperBroker) else http_of(at)
    data, limits = data_of(at), account.limits()
    if not limits.special:
        return AlpacaMarket(http, data, contract_window(limits, at))
    return MarketByKind(
        lambda instrument, strategy: AlpacaMarket(
            http, data, contract_window(limits_for(limits, instrument, strategy), at)
        )
    )


class MarketByKind:
    """A market that chooses contracts by the special limits of what is recommended."""

    def __init__(self, opened: Callable[[InstrumentType, StrategyType], MarketData]) -> None:
        """Open a market for each kind of advice."""
        self._markets = {kind: opened(*kind) for kind in product(InstrumentType, StrategyType)}

    def view(self, recommendation: RecommendationIssued) -> MarketView | None:
        """See `MarketData.view`."""
        kind = recommendation.instrument_type, recommendation.strategy_type
        return self._markets[kind].view(recommendation)


def views_of(market: MarketData, seconds: Callable[[], float]) -> MarketViews:
    """Return how the loop looks at `market`: what is behind a wire is asked beside the loop."""
    if isinstance(market, RecommendedMarket):
        return MarketAtHand(market)
    return MarketBeside(market, seconds)


def data_of(at: AlpacaSettings) -> AlpacaData:
    """Return the way to an account's market data, with a budget of its own; nothing is asked."""
    budget = RateBudget(elapsed_s, time.time)
    return AlpacaData(at.data_url, at.credentials, _deadline_s(at), budget)


def contract_window(limits: Limits, at: AlpacaSettings) -> ContractWindow:
    """Return which contracts may be chosen: near the money, and as the gates would let pass."""
    least, most = limits.option_days_to_expiry_min, limits.option_days_to_expiry_max
    return ContractWindow(
        days=Map(
            {strategy: (least[strategy], most[strategy]) for strategy in least if strategy in most}
        ),
        strike_share=Map(at.option_strike_share),
        spread_share_max=limits.option_spread_max,
        open_interest_min=limits.option_open_interest_min,
        volume_min=limits.option_volume_min,
    )


def _paper(at: AlpacaSettings) -> AlpacaPaperBroker:
    def stream(backfill: Backfill) -> TradeUpdates:
        return TradeUpdates(at.stream_url, at.credentials, backfill, SystemClock().now)

    return AlpacaPaperBroker(http_of(at), stream)


def http_of(at: AlpacaSettings) -> AlpacaHttp:
    """Return the way to an account's trading, with a rate budget of its own; nothing is asked."""
    budget = RateBudget(elapsed_s, time.time)
    return AlpacaHttp(at.trading_url, at.credentials, _deadline_s(at), budget)


def _deadline_s(at: AlpacaSettings) -> float:
    return at.http_deadline_ms / 1000
