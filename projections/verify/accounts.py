"""`account_positions` and `account_state`, as plain as they can be told."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final

from events.account import (
    AccountHalted,
    AccountOpened,
    AccountReduced,
    AccountResumed,
    CostBasis,
    DispatcherStarted,
    IncidentRecorded,
)
from events.catalog import LOG_EVENTS, AnyEvent
from events.envelope import Origin
from events.topics import RECOMMENDATIONS
from projections.dead_letter import DeadLetter
from projections.verify.booking import book, on_its_day
from projections.verify.fold import ExpectedRow, ExpectedTable
from projections.verify.holdings import cents
from projections.verify.json_values import loads, storable, stored
from projections.verify.ledger import Ledger, new_york_day

_STATUSES: Final[dict[type, str]] = {
    AccountHalted: "HALTED",
    AccountReduced: "REDUCED",
    AccountResumed: "ACTIVE",
}


@dataclass(slots=True)
class _Account:
    ledger: Ledger
    opened: AccountOpened | None = None
    trading: AccountHalted | AccountReduced | AccountResumed | None = None
    started: DispatcherStarted | None = None
    next_recommendation: int = 0
    log_offset: int = 0
    times: list[datetime] = field(default_factory=list)


class AccountsFold:
    """Both tables, from ledgers of their own."""

    events: ClassVar = frozenset[type](LOG_EVENTS)

    def __init__(self) -> None:
        """Start with no accounts."""
        self._accounts: dict[str, _Account] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what stands in an account's log."""
        said: Any = event
        name = said.envelope.account_name
        account = self._accounts.setdefault(name, _Account(Ledger(name)))
        account.log_offset = origin.offset
        account.times = [max([*account.times, said.envelope.occurred_at])]
        if said.envelope.event_id in account.ledger.once:
            return
        before = account.ledger.incidents
        _take(account, said, origin.offset)
        source = said.envelope.source
        if (
            source is not None
            and source.topic == RECOMMENDATIONS.name
            and account.ledger.incidents == before
        ):
            account.next_recommendation = max(account.next_recommendation, source.offset + 1)

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the rows of both tables."""
        positions: ExpectedTable = {}
        states: ExpectedTable = {}
        for name, account in self._accounts.items():
            states[(name,)] = _state_row(name, account)
            for symbol in account.ledger.holdings:
                positions[name, symbol] = _position_row(name, account.ledger, symbol)
        return {"account_positions": positions, "account_state": states}


def _take(account: _Account, event: Any, offset: int) -> None:  # noqa: ANN401 -- any event
    ledger, event_id = account.ledger, event.envelope.event_id
    match event:
        case AccountOpened() if account.opened is None:
            account.opened = event
            ledger.cash += event.starting_cash
            ledger.paid_in = event.starting_cash
            ledger.equity_at_start += event.starting_cash
            ledger.fifo = event.cost_basis is CostBasis.FIFO
            account.next_recommendation = max(account.next_recommendation, event.first_offset)
        case AccountOpened():
            if account.opened is not None and account.opened.envelope.event_id != event_id:
                ledger.incident(event_id)
        case AccountHalted() | AccountReduced() | AccountResumed():
            with on_its_day(ledger, event):
                account.trading = event
                ledger.once.add(event_id)
        case IncidentRecorded():
            with on_its_day(ledger, event):
                ledger.incident(event_id)
        case DispatcherStarted():
            if account.started is None or _began(event) > _began(account.started):
                account.started = event
        case _:
            book(ledger, event, offset)


def _began(event: DispatcherStarted) -> tuple[datetime, Any]:
    return event.envelope.occurred_at, event.envelope.dispatcher_run_id


def _state_row(name: str, account: _Account) -> ExpectedRow:
    ledger, opened, trading, started = (
        account.ledger,
        account.opened,
        account.trading,
        account.started,
    )
    [last_at] = account.times
    day = new_york_day(last_at)
    orders = ledger.open_orders()
    held = sum((one.cost for one in ledger.holdings.values()), Decimal(0))
    worths = {symbol: ledger.worth(symbol) for symbol in ledger.holdings}
    worth = sum(
        (ledger.holdings[one].cost if at is None else at for one, at in worths.items()), Decimal(0)
    )
    coming = {one.terms.symbol for one in ledger.expected_orders() if not one.terms.closes_position}
    row = {
        "account_name": name,
        "trading_status": "ACTIVE" if trading is None else _STATUSES[type(trading)],
        "open_position_count": len(coming | ledger.holdings.keys()),
        "exposure": cents(ledger.exposure()),
        "held_cost": cents(ledger.held_cost()),
        "reserved": cents(ledger.reserved()),
        "peak_exposure": cents(ledger.peak),
        "exchange_day": day,
        "executions_on_exchange_day": ledger.executed_on.get(day, 0),
        "cash": cents(ledger.cash),
        "fees": cents(ledger.fees),
        # what came in beside the starting cash, fees apart, and is not bound in holdings
        "realised_pnl": cents(ledger.cash + held + ledger.fees - ledger.paid_in),
        "open_pnl": cents(worth - held),
        "day_pnl": cents(
            ledger.cash + worth - ledger.equity_at_start if ledger.day == day else Decimal(0)
        ),
        "equity": cents(ledger.cash + worth),
        "open_order_count": len(orders),
        "unresolved_order_count": sum(
            1 for one in orders if one.status not in ("accepted", "waiting")
        ),
        "decided_count": len(ledger.decided),
        "incident_count": ledger.incidents,
        "next_recommendation_offset": account.next_recommendation,
        "log_offset": account.log_offset,
        "last_event_at": last_at,
    }
    for end in ("executed", "declined", "rejected", "expired", "failed"):
        row[f"{end}_count"] = ledger.ends.get(end, 0)
    if opened is not None:
        row |= {"mode": opened.mode.value, "opened_at": opened.envelope.occurred_at}
    if trading is not None:
        row |= {
            "trading_since": trading.envelope.occurred_at,
            "trading_by": storable(trading.by),
            "trading_reason": storable(trading.reason),
        }
    if started is not None:
        row |= _run(started)
    return row


def _run(started: DispatcherStarted) -> ExpectedRow:
    about = started.envelope
    return {
        "dispatcher_run_id": about.dispatcher_run_id,
        "started_at": about.occurred_at,
        "build": storable(about.build),
        "config_hash": storable(about.config_hash),
        "limits": stored(started.limits),
        **_limits(started.limits),
    }


def _limits(text: str) -> ExpectedRow:
    """Return the two limits that have columns of their own, where the text holds them."""
    found: ExpectedRow = {}
    try:
        said = loads(text)
    except (ValueError, RecursionError):
        return found
    if not isinstance(said, dict):
        return found
    count, amount = said.get("max_open_positions"), said.get("max_notional_exposure")
    if type(count) is int and 0 <= count < 2**63:
        found["max_open_positions"] = count
    if isinstance(amount, int | str | Decimal) and not isinstance(amount, bool):
        try:
            dollars = Decimal(amount)
        except InvalidOperation:
            return found
        if dollars.is_finite() and 0 <= dollars <= Decimal("1e18"):
            found["max_notional_exposure"] = cents(dollars)
    return found


def _position_row(name: str, ledger: Ledger, symbol: str) -> ExpectedRow:
    held, worth = ledger.holdings[symbol], ledger.worth(symbol)
    return {
        "account_name": name,
        "symbol": symbol,
        "ticker": held.ticker,
        "instrument_type": held.instrument_type.value,
        "multiplier": held.multiplier,
        "quantity": held.quantity,
        "cost": cents(held.cost),
        "average_price": cents(held.cost / (held.quantity * held.multiplier)),
        "last_price": ledger.prices.get(symbol),
        "market_value": None if worth is None else cents(worth),
        "open_pnl": None if worth is None else cents(worth - held.cost),
        "log_offset": held.log_offset,
    }
