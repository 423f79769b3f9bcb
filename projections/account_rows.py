"""Rows of `account_positions` and `account_state`, made of an account's books."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple
from uuid import UUID

from accounts.calendar import exchange_day
from accounts.state import Position, TradingStatus
from events.order import ExecutionMode
from events.recommendation import InstrumentType
from events.values import Money, Quantity, money
from projections.account_books import Books
from projections.stage import Json, Row
from projections.texts import json_or_text

_COUNT_MAX: Final = 2**63 - 1
_MONEY_MAX: Final = Decimal("1e18")


class PositionRow(NamedTuple):
    """A holding; prices and money in US dollars, null where no price was seen."""

    account_name: str
    symbol: str
    ticker: str
    instrument_type: InstrumentType
    multiplier: int
    quantity: Quantity
    cost: Money
    average_price: Money
    last_price: Money | None
    market_value: Money | None
    open_pnl: Money | None
    log_offset: int


class AccountStateRow(NamedTuple):
    """An account as of `log_offset`; money in US dollars."""

    account_name: str
    mode: ExecutionMode | None
    opened_at: datetime | None
    trading_status: TradingStatus
    trading_since: datetime | None
    trading_by: str | None
    trading_reason: str | None
    open_position_count: int
    max_open_positions: int | None
    exposure: Money
    max_notional_exposure: Money | None
    held_cost: Money
    reserved: Money
    peak_exposure: Money
    exchange_day: date
    executions_on_exchange_day: int
    cash: Money
    fees: Money
    realised_pnl: Money
    open_pnl: Money
    day_pnl: Money
    equity: Money
    open_order_count: int
    unresolved_order_count: int
    decided_count: int
    executed_count: int
    declined_count: int
    rejected_count: int
    expired_count: int
    failed_count: int
    incident_count: int
    dispatcher_run_id: UUID | None
    started_at: datetime | None
    build: str | None
    config_hash: str | None
    limits: Json | None
    next_recommendation_offset: int
    log_offset: int
    last_event_at: datetime


def rows(books: Books) -> Iterable[Row]:
    """Return the account's row, and one of each holding: all that there are."""
    yield _state_row(books)
    prices = books.account.last_prices
    for symbol, held in books.account.positions.items():
        yield _position_row(books, held, prices.get(symbol))


def _state_row(books: Books) -> AccountStateRow:
    account = books.account
    opened, trading, version, ends = (
        account.opened,
        account.trading,
        account.version,
        account.ends,
    )
    day = exchange_day(books.last_event_at)
    positions_max, exposure_max = _allowed(version.limits if version else "")
    return AccountStateRow(
        account_name=books.account_name,
        mode=opened.mode if opened else None,
        opened_at=opened.envelope.occurred_at if opened else None,
        trading_status=trading.status,
        trading_since=trading.since,
        trading_by=trading.by if trading.since else None,
        trading_reason=trading.reason if trading.since else None,
        open_position_count=account.open_position_count,
        max_open_positions=positions_max,
        exposure=money(account.exposure),
        max_notional_exposure=exposure_max,
        held_cost=money(account.held_cost),
        reserved=money(account.reserved),
        peak_exposure=money(account.peak_exposure),
        exchange_day=day,
        executions_on_exchange_day=books.executions if books.executions_day == day else 0,
        cash=money(account.cash),
        fees=money(account.fees),
        realised_pnl=money(account.realised_pnl),
        open_pnl=money(account.open_pnl),
        day_pnl=money(account.pnl_on(day)),
        equity=money(account.equity),
        open_order_count=len(account.orders),
        unresolved_order_count=len(account.unresolved()),
        decided_count=len(account.decided),
        executed_count=ends.executed,
        declined_count=ends.declined,
        rejected_count=ends.rejected,
        expired_count=ends.expired,
        failed_count=ends.failed,
        incident_count=account.incidents,
        dispatcher_run_id=version.run_id if version else None,
        started_at=version.started_at if version else None,
        build=version.build if version else None,
        config_hash=version.config_hash if version else None,
        limits=json_or_text(version.limits) if version else None,
        next_recommendation_offset=account.next_recommendation_offset,
        log_offset=books.log_offset,
        last_event_at=books.last_event_at,
    )


def _position_row(books: Books, held: Position, price: Decimal | None) -> PositionRow:
    worth = None if price is None else held.worth(price)
    return PositionRow(
        account_name=books.account_name,
        symbol=held.symbol,
        ticker=held.ticker,
        instrument_type=held.instrument_type,
        multiplier=held.multiplier,
        quantity=held.quantity,
        cost=money(held.cost),
        average_price=money(held.average_price),
        last_price=price,
        market_value=None if worth is None else money(worth),
        open_pnl=None if worth is None else money(worth - held.cost),
        log_offset=books.changed[held.symbol],
    )


def _allowed(limits: str) -> tuple[int | None, Decimal | None]:
    """Return how many positions and how much exposure `limits` allow, None where it does not say.

    The log promises JSON here but cannot enforce it, and a table is no place to refuse a fact.
    """
    try:
        said = json.loads(limits, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(said, dict):
        return None, None
    count, amount = said.get("max_open_positions"), said.get("max_notional_exposure")
    known = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _COUNT_MAX
    return count if known else None, _dollars(amount)


def _dollars(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return money(amount) if amount.is_finite() and 0 <= amount <= _MONEY_MAX else None
