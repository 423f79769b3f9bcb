"""One account, for a reader in 80 columns."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal

from accounts.calendar import exchange_day
from accounts.daily_loss import brokers_pnl
from accounts.limit_use import buying_power, limit_uses, ticker_uses
from accounts.special_limits import flat
from accounts.state import AccountState, Position, TradingStatus
from cli.output import dollars, exact, moment, print_table, say
from consumers.account_facts import AccountFacts
from consumers.account_states import Folded
from consumers.seats import Backlog, Seat


def print_account(facts: AccountFacts) -> None:
    """Write the account to stdout: what it may do, what it has, what it waits for."""
    account, folded = facts.account, facts.folded
    if folded is None or folded.state.opened is None:
        say(f"Account {account.name} ({account.mode.lower()}, {account.preset}) {_no_life(facts)}")
        return
    state = folded.state
    print_table([f"Account {account.name}", ""], _situation(facts, folded))
    if state.trading.status is not TradingStatus.ACTIVE and facts.as_of is None:
        say(f'To end it: dispatcher accounts resume {account.name} --reason "…"')
    say()
    print_table(["Money", ("US dollars", "right")], _money(facts, state))
    say()
    _print_limits(facts, state)
    _print_holdings(state)
    _print_orders(state)
    _print_tickers(facts, state)


def seat_in_words(seat: Seat) -> str:
    """Return who has the seat, and who stands by."""
    names = ", ".join(one.client_id for one in seat.standbys)
    standby = f"; standing by: {names}" if names else ""
    if seat.holder is None:
        return f"nobody{standby}"
    return f"{seat.holder.client_id} ({seat.holder.host}){standby}"


def backlog_in_words(backlog: Backlog) -> str:
    """Return how much waits to be decided, and for what if the owner of the seat says so."""
    if not backlog.records:
        return "nothing waits"
    many = "recommendation waits" if backlog.records == 1 else "recommendations wait"
    wait = backlog.wait
    why = "" if wait is None else f" for {wait.reason.in_words} since {moment(wait.since)}"
    return f"{backlog.records:,} {many}{why}"


def _no_life(facts: AccountFacts) -> str:
    if facts.as_of is not None:
        return "was not open yet at that point of its log."
    return f"has never run: dispatcher accounts run {facts.account.name}"


def _situation(facts: AccountFacts, folded: Folded) -> Iterator[list[object]]:
    account, state, trading = facts.account, folded.state, folded.state.trading
    because = f" since {moment(trading.since)} by {trading.by}: {trading.reason}"
    yield ["Status", trading.status.lower() + (because if trading.since else "")]
    yield ["Mode", f"{account.mode.lower()}, {account.preset} limits, {account.clock} clock"]
    if facts.seat is not None:
        yield ["Seat", seat_in_words(facts.seat)]
    if facts.backlog is not None:
        yield ["To decide", backlog_in_words(facts.backlog)]
    as_of = f", as of {_point(facts.as_of)}" if facts.as_of is not None else ""
    yield [
        "Log",
        f"up to offset {folded.log_offset}{as_of}; last event of {moment(state.clock_at)}",
    ]
    if state.opened is not None:
        yield ["Opened", moment(state.opened.envelope.occurred_at)]
    if state.version is not None:
        yield ["Last run", f"{moment(state.version.started_at)}, build {state.version.build}"]
    yield ["Ends", _ends(state)]
    day = exchange_day(facts.now)
    minute = state.orders_within_minute(facts.now)
    yield ["Orders", f"{state.orders_on(day)} on {day}, {minute} in its last minute"]
    if state.failures_in_row:
        yield ["Failures", f"{state.failures_in_row} in a row"]
    yield ["Incidents", f"{state.incidents}"]
    yield ["Reconciled", _reconciled(state)]


def _ends(state: AccountState) -> str:
    counts = {one.name: getattr(state.ends, one.name) for one in fields(state.ends)}
    told = (name for name in counts if counts[name] or name in ("executed", "declined"))
    return ", ".join(f"{counts[name]:,} {name}" for name in told)


def _reconciled(state: AccountState) -> str:
    if state.reconciled_at is None:
        return "never"
    if not state.differences:
        return f"{moment(state.reconciled_at)}, no difference"
    return f"{moment(state.reconciled_at)}: " + "; ".join(state.differences)


def _money(facts: AccountFacts, state: AccountState) -> Iterator[list[object]]:
    day = exchange_day(facts.now)
    yield ["Cash", dollars(state.cash)]
    yield ["Holdings at the last prices seen", dollars(state.market_value)]
    yield ["Equity", dollars(state.equity)]
    yield ["Buying power", dollars(buying_power(state))]
    yield [f"P&L of {day}", dollars(state.pnl_on(day))]
    yield ["Realised P&L", dollars(state.realised_pnl)]
    yield ["Open P&L", dollars(state.open_pnl)]
    yield ["Fees", dollars(state.fees)]
    yield from brokers_figures(state, day)


def brokers_figures(state: AccountState, day: date) -> Iterator[list[object]]:
    """Yield the broker's own figures, of those that it has told; they may be of another day."""
    told = state.broker
    if told is None:
        return
    at = f"by the broker, {moment(told.at)}"
    for what, figure in (
        ("Cash", told.cash),
        ("Equity", told.equity),
        ("Buying power", told.buying_power),
    ):
        if figure is not None:
            yield [f"{what} {at}", dollars(figure)]
    pnl = brokers_pnl(state, day)
    if pnl is not None:
        yield [f"P&L of {day} {at}", dollars(pnl)]


def _print_limits(facts: AccountFacts, state: AccountState) -> None:
    uses = list(limit_uses(state, facts.limits.limits, facts.now))
    rows = [[one.limit, *(_amount(n) for n in (one.used, one.allowed, one.free))] for one in uses]
    parts = [
        ["  of it holdings at cost", dollars(state.held_cost), "", ""],
        ["  of it reserved by orders", dollars(state.reserved), "", ""],
        ["  its peak so far", dollars(state.peak_exposure), "", ""],
    ]
    below = 1 + [one.limit for one in uses].index("max_notional_exposure")
    print_table(
        ["Limit", ("Used", "right"), ("Allowed", "right"), ("Free", "right")],
        [*rows[:below], *parts, *rows[below:]],
    )
    for name, value in sorted(flat(facts.limits.limits.special).items()):
        say(f"{name}: {_plain(value)}")
    for name, (run, configured) in facts.limits.differing.items():
        say(f"{name}: {_plain(run)} in its last run, {_plain(configured)} in the configuration")


def _print_holdings(state: AccountState) -> None:
    if not state.positions:
        return
    say()
    print_table(
        [
            "Holding",
            ("Qty", "right"),
            ("Average", "right"),
            ("Last", "right"),
            ("Value", "right"),
            ("Open P&L", "right"),
        ],
        (_holding(state, one) for one in sorted(state.positions.values(), key=lambda p: p.symbol)),
    )


def _holding(state: AccountState, held: Position) -> list[object]:
    last = state.last_prices.get(held.symbol)
    value = held.worth(last)
    seen = last is not None
    return [
        held.symbol,
        exact(held.quantity),
        dollars(held.average_price),
        dollars(last) if last is not None else "-",
        dollars(value) if seen else "-",
        dollars(value - held.cost) if seen else "-",
    ]


def _print_orders(state: AccountState) -> None:
    if not state.orders:
        return
    say()
    print_table(
        [
            "Open order",
            "Side",
            ("Qty", "right"),
            ("Filled", "right"),
            ("Reserved", "right"),
            "Status",
            ("Of", "right"),
        ],
        (
            [
                one.terms.symbol,
                one.terms.side.lower(),
                exact(one.terms.quantity),
                exact(one.cumulative_quantity),
                dollars(one.reserved),
                "unresolved" if one.unresolved else "working",
                one.recommendation_id,
            ]
            for one in sorted(state.orders.values(), key=lambda one: one.intended_at)
        ),
    )


def _print_tickers(facts: AccountFacts, state: AccountState) -> None:
    tickers = ticker_uses(state, facts.limits.limits, facts.now)
    if not tickers:
        return
    say()
    print_table(
        ["Traded that day", ("Entries", "right"), ("Allowed", "right"), "Last order", ""],
        (
            [
                one.ticker,
                one.entries,
                one.entries_max,
                moment(one.last_at),
                "" if one.unresolved_order is None else "unresolved",
            ]
            for one in tickers
        ),
    )


def _amount(value: int | Decimal) -> str:
    return dollars(value) if isinstance(value, Decimal) else f"{value:,}"


def _plain(value: object) -> str:
    return exact(value) if isinstance(value, Decimal) else str(value)


def _point(point: int | datetime) -> str:
    return f"offset {point}" if isinstance(point, int) else moment(point)
