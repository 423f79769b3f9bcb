"""Limits that differ for orders of one instrument, of one strategy, or of both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import time
from decimal import Decimal
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from immutables import Map

from accounts.limit_choices import Brackets, SizingMethod
from accounts.once import once_for_each
from events.order import OrderType
from events.recommendation import InstrumentType, StrategyType

if TYPE_CHECKING:
    from accounts.limits import Limits

_Kind: TypeAlias = tuple[InstrumentType, StrategyType]
_KINDS: Final[tuple[_Kind, ...]] = tuple(product(InstrumentType, StrategyType))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialLimits:
    """What differs for orders of `instrument`, of `strategy`, or of both (None: of whichever).

    The other fields are those of `Limits` that concern a single order, in the same units; None
    leaves them as they are otherwise. A map replaces the values that it names.
    """

    instrument: InstrumentType | None = None
    strategy: StrategyType | None = None
    max_order_notional: Decimal | None = None
    entry_cutoff: Map[StrategyType, time] | None = None
    vix_max: Map[StrategyType, Decimal] | None = None
    opening_minutes_blocked: int | None = None
    expiry_day_minutes_blocked: int | None = None
    recommendation_freshness_seconds: int | None = None
    bar_freshness_seconds: Map[StrategyType, int] | None = None
    feature_freshness_seconds: Map[StrategyType, int] | None = None
    ticker_daily_limit: int | None = None
    ticker_cooldown_minutes: int | None = None
    allow_shorting: bool | None = None
    price_collar_bps: int | None = None
    option_price_collar_bps: int | None = None
    exit_price_collar_bps: int | None = None
    option_exit_price_collar_bps: int | None = None
    option_spread_max: Decimal | None = None
    option_volume_min: int | None = None
    option_open_interest_min: int | None = None
    option_premium_min: Map[StrategyType, Decimal] | None = None
    option_premium_max: Map[StrategyType, Decimal] | None = None
    option_days_to_expiry_min: Map[StrategyType, int] | None = None
    option_days_to_expiry_max: Map[StrategyType, int] | None = None
    order_type: OrderType | None = None
    brackets: Brackets | None = None
    sizing_method: SizingMethod | None = None
    risk_share_of_equity: Decimal | None = None
    fixed_notional: Decimal | None = None
    fixed_fraction_of_equity: Decimal | None = None
    max_share_of_equity: Decimal | None = None
    max_contracts: int | None = None
    fractional_shares: bool | None = None

    @property
    def name(self) -> str:
        """The entry as faults and lists write it: ``special.CALL.day_trade``."""
        return ".".join(["special", *(one for one in (self.instrument, self.strategy) if one)])

    @property
    def changes(self) -> dict[str, Any]:
        """The limits that differ, by their names."""
        values = {name: getattr(self, name) for name in KEYS}
        return {name: value for name, value in values.items() if value is not None}


KEYS: Final = tuple(
    field.name for field in fields(SpecialLimits) if field.name not in ("instrument", "strategy")
)
"""The limits that may differ."""

OF_THE_ACCOUNT: Final = "it concerns the whole account, not a single order"
WHY_NOT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "max_open_positions",
            "max_notional_exposure",
            "max_daily_loss",
            "max_daily_loss_share",
            "on_daily_loss",
            "clock_tolerance_ms",
            "restricted_tickers",
            "allowed_tickers",
            "max_orders_per_minute",
            "max_orders_per_day",
            "disabled_gates",
        ),
        OF_THE_ACCOUNT,
    ),
    "confidence_min": "it names instruments and strategies itself",
    "action_allowed": "it names instruments itself",
    "extended_hours": "it names strategies itself",
}
"""Why the other limits may not."""

_OF_CONTRACTS: Final = frozenset(
    {name for name in KEYS if name.startswith("option_")}
    | {"expiry_day_minutes_blocked", "max_contracts"}
)
_OF_SHARES: Final = frozenset(
    {"allow_shorting", "brackets", "exit_price_collar_bps", "fractional_shares", "price_collar_bps"}
)


def limits_for(limits: "Limits", instrument: InstrumentType, strategy: StrategyType) -> "Limits":
    """Return what orders of that kind go by, the same instance each time.

    Of entries that fit, one for both instrument and strategy comes before one for either alone,
    limit by limit: what the nearest does not name, the next one says, and then `limits`.
    """
    return _by_kind(limits)[instrument, strategy] if limits.special else limits


def without_brackets(limits: "Limits") -> "Limits":
    """Return `limits` under which the broker holds neither a stop nor a target of any order."""
    special = tuple(replace(one, brackets=None) for one in limits.special)
    return replace(limits, brackets=Brackets.OFF, special=special)


def flat(special: Sequence[SpecialLimits]) -> dict[str, object]:
    """Return every value that differs by its full name: ``special.CALL.max_order_notional``."""
    found: dict[str, object] = {}
    for one in special:
        for key, value in one.changes.items():
            named = (
                {f"{key}.{part}": value[part] for part in value}
                if isinstance(value, Map)
                else {key: value}
            )
            found |= {f"{one.name}.{name}": inner for name, inner in named.items()}
    return found


def ask_for_brackets(limits: "Limits") -> bool:
    """Whether orders of any kind may take their stop and target along."""
    asked = [limits.brackets, *(one.brackets for one in limits.special)]
    return any(one not in (None, Brackets.OFF) for one in asked)


def special_faults(limits: "Limits") -> Iterator[str]:
    """Yield what makes no sense among special limits; `limits` themselves are sound."""
    found = [fault for one in limits.special for fault in _faults_of(one)]
    found += _clashes(limits.special)
    yield from found
    if found:
        return
    said = set[str]()
    for instrument, strategy in sorted(_KINDS, key=lambda kind: "UNKNOWN" in kind):
        try:
            _resolved(limits, instrument, strategy)
        except ValueError as error:
            if str(error) not in said:  # one entry makes for several kinds
                yield f"special limits for {instrument} {strategy}: {error}"
            said.add(str(error))


def _faults_of(one: SpecialLimits) -> Iterator[str]:
    if one.instrument is None and one.strategy is None:
        yield "special names no instrument and no strategy: what holds for all goes into limits"
        return
    if one.instrument is not None:
        idle, what = _OF_SHARES, "shares"
        if one.instrument is InstrumentType.STOCK:
            idle, what = _OF_CONTRACTS, "contracts"
        for key in sorted(idle & one.changes.keys()):
            yield f"{one.name}.{key} would never count: it is about {what}"
    for key, value in one.changes.items():
        if one.strategy is not None and isinstance(value, Map):
            for other in sorted(set(value) - {one.strategy}):
                yield f"{one.name}.{key}.{other} would never count: it is another strategy"


def _clashes(special: Sequence[SpecialLimits]) -> Iterator[str]:
    said_of = {(one.instrument, one.strategy): set(one.changes) for one in special}
    for one, other in combinations(special, 2):
        if (one.instrument, one.strategy) == (other.instrument, other.strategy):
            yield f"{one.name} is there twice: make one of them"
            continue
        alone = [entry for entry in (one, other) if None in (entry.instrument, entry.strategy)]
        if len(alone) < 2 or (one.instrument is None) == (other.instrument is None):  # noqa: PLR2004 -- a pair
            continue  # one of them is nearer, or no order is of both
        both = one.instrument or other.instrument, one.strategy or other.strategy
        unsettled = set(one.changes) & set(other.changes) - said_of.get(both, set())
        for key in sorted(unsettled):
            yield (
                f"{one.name} and {other.name} both set {key}, and neither is nearer to an order "
                f"of both: set it for {both[0]} and {both[1]} together, too"
            )


@once_for_each
def _by_kind(limits: "Limits") -> dict[_Kind, "Limits"]:
    return {kind: _resolved(limits, *kind) for kind in _KINDS}


def _resolved(limits: "Limits", instrument: InstrumentType, strategy: StrategyType) -> "Limits":
    fitting = [
        one
        for one in limits.special
        if one.instrument in (None, instrument) and one.strategy in (None, strategy)
    ]
    fitting.sort(key=lambda one: (one.instrument is not None) + (one.strategy is not None))
    if not fitting:
        return limits
    changes: dict[str, Any] = {}
    for one in fitting:  # the nearest last
        for key, value in one.changes.items():
            before = changes.get(key, getattr(limits, key))
            changes[key] = before.update(value) if isinstance(value, Map) else value
    extended = limits.extended_hours & {strategy.value}  # nothing is asked of other strategies
    if instrument in (InstrumentType.CALL, InstrumentType.PUT):
        extended = frozenset()
    return replace(limits, special=(), extended_hours=extended, **changes)
