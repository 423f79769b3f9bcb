"""The gates by name, and the actions: words that a configuration may use."""

from typing import Final

GATE_NAMES: Final = (
    "account_active",
    "daily_loss_limit",
    "vix_regime",
    "trading_hours",
    "duplicate_position",
    "recommendation_freshness",
    "bar_freshness",
    "feature_freshness",
    "max_open_positions",
    "max_notional_exposure",
    "buying_power",
    "restricted_tickers",
    "ticker_daily_limit",
    "ticker_cooldown",
    "unresolved_intent",
    "confidence",
    "action_allowed",
    "no_short_selling",
    "order_size",
    "max_order_notional",
    "price_collar",
    "order_rate",
    "option_spread",
    "option_volume",
    "option_open_interest",
    "option_premium",
    "option_days_to_expiry",
)
"""Every gate, in the order in which they are asked."""

ALWAYS_ON: Final = frozenset({"account_active", "unresolved_intent", "order_size"})
"""Gates that no configuration may switch off: without them an order could go out twice or empty."""

ACTIONS: Final = frozenset(
    {"BUY_STOCK", "SELL_STOCK", "BUY_CALL", "SELL_CALL", "BUY_PUT", "SELL_PUT"}
)
