"""One recommendation out of one line of JSON: exact decimals, aware times, no unknown key."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic import ValidationError as PydanticError

from events.recommendation import (
    Action,
    InstrumentType,
    OptionQuote,
    RecommendationIssued,
    StrategyType,
)
from events.values import MONEY_SCALE, PRECISION, QUANTITY_SCALE, money, quantity

_NUMBER: Final = re.compile(r"-?\d{1,28}(\.\d{1,28})?", re.ASCII)
_FAULTS_MAX: Final = 4


class UnclearError(ValueError):
    """This text is no recommendation; the message says why, without a line number."""


def read_recommendation(text: str) -> RecommendationIssued:
    """Return the recommendation in `text`: a JSON object with the keys of `RecommendationIssued`.

    Decimals are text or numbers (read exactly), times ISO 8601 with their offset.

    Raises:
        UnclearError: It is no such object: a key is unknown, missing or of a wrong type.
    """
    values = _read_object(text)
    try:
        seen = _Recommendation.model_validate(values)
    except PydanticError as error:
        faults = [_words(one["loc"], one["type"], one["msg"]) for one in error.errors()]
        more = len(faults) - _FAULTS_MAX
        named = "; ".join(faults[:_FAULTS_MAX])
        raise UnclearError(f"{named}; and {more} more" if more > 0 else named) from None
    option = None if seen.option is None else OptionQuote(**dict(seen.option))
    return RecommendationIssued(**{**dict(seen), "option": option})


def _read_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(
            text,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_twins,
        )
    except UnclearError:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise UnclearError(f"is not JSON ({reason})") from None
    if not isinstance(found, dict):
        raise UnclearError("is JSON, but no object with a recommendation's keys")
    return found


def _refuse_constant(name: str) -> object:
    raise UnclearError(f"{name} is no number")


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twins = sorted({name for name in names if names.count(name) > 1})
        raise UnclearError(f"names {', '.join(twins)} twice")
    return found


def _decimal(digits: int, rounded: Callable[[Decimal], Decimal], value: object) -> Decimal:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError('must be a decimal number such as "12.50"')
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise ValueError('must be a decimal number such as "12.50"')  # noqa: TRY004 -- pydantic collects ValueErrors
    number = Decimal(value)
    if not number.is_finite() or number.adjusted() >= PRECISION - digits:
        raise ValueError(f"must be finite and have at most {PRECISION - digits} digits before '.'")
    if number != rounded(number):
        raise ValueError(f"must have at most {digits} decimals: it would be kept inexactly")
    return number


def _time(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError('must be a time with its offset such as "2026-01-31T14:30:00Z"')


def _day(value: object) -> date:
    try:
        if isinstance(value, str):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError('must be a day such as "2026-01-31"')


def _sound(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half a character (a lone surrogate)") from None
    return text


def _words(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(map(str, loc))
    match kind:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden":
            return f"{key[:60]!r} is not a known key"
        case _:
            return f"{key} {message.removeprefix('Value error, ').removeprefix('Input ')}"


_Money: TypeAlias = Annotated[Decimal, BeforeValidator(partial(_decimal, MONEY_SCALE, money))]
_Quantity: TypeAlias = Annotated[
    Decimal, BeforeValidator(partial(_decimal, QUANTITY_SCALE, quantity))
]
_Time: TypeAlias = Annotated[datetime, BeforeValidator(_time)]
_Day: TypeAlias = Annotated[date, BeforeValidator(_day)]
_Text: TypeAlias = Annotated[str, Strict(), AfterValidator(_sound)]
_Whole: TypeAlias = Annotated[int, Strict(), Field(ge=-(2**63), lt=2**63)]


class _Option(BaseModel):
    model_config = ConfigDict(extra="forbid")

    symbol: _Text
    strike: _Money
    expiry: _Day
    bid: _Money | None = None
    ask: _Money | None = None
    volume: _Whole | None = None
    open_interest: _Whole | None = None
    delta: _Quantity | None = None
    iv: _Quantity | None = None


class _Recommendation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    recommendation_id: _Whole
    run_id: UUID
    ticker: _Text
    action: Action
    instrument_type: InstrumentType
    strategy_type: StrategyType
    confidence: _Quantity
    issued_at: _Time
    bar_at: _Time | None = None
    features_at: _Time | None = None
    reference_price: _Money
    bid: _Money | None = None
    ask: _Money | None = None
    recent_volatility: _Quantity | None = None
    vix: _Quantity | None = None
    stop: _Money | None = None
    target: _Money | None = None
    max_hold_minutes: _Whole | None = None
    option: _Option | None = None
    reason: _Text = ""
    features_snapshot: _Text | None = None
    sentiment_snapshot: _Text | None = None
