"""All accounts at a glance: a line for each."""

from collections.abc import Sequence

from accounts.calendar import exchange_day
from accounts.state import Trading
from cli.commanded_view import next_step
from cli.output import dollars, moment, print_table, say
from consumers.account_facts import AccountFacts
from consumers.seats import Seat
from consumers.settings_account import AccountSettings


def print_accounts(seen: Sequence[tuple[AccountSettings, AccountFacts | None, str]]) -> None:
    """Write a line for each account, and below what is wrong with those that cannot be read."""
    print_table(
        [
            "Account",
            "Mode",
            "Status",
            ("Open", "right"),
            ("Exposure", "right"),
            ("P&L today", "right"),
            "Seat",
            ("Lag", "right"),
        ],
        (_row(account, facts) for account, facts, _ in seen),
    )
    for account, facts, fault in seen:
        if fault:
            say(f"{account.name}: {fault}")
        elif facts is not None and facts.folded is not None:
            _say_standing(account.name, facts.folded.state.trading)


def _say_standing(name: str, trading: Trading) -> None:
    if step := next_step(name, trading):
        say(
            f"{name} is {trading.status.lower()} since {moment(trading.since)} by {trading.by}: "
            f"{trading.reason}. To trade again: {step}"
        )


def _row(account: AccountSettings, facts: AccountFacts | None) -> list[object]:
    mode = account.mode.lower()
    if facts is None:
        return [account.name, mode, "unreadable", *["-"] * 5]
    state = None if facts.folded is None else facts.folded.state
    if state is None or state.opened is None:
        return [account.name, mode, "never run", *["-"] * 3, _seat(facts.seat), "-"]
    limits = facts.limits.limits
    return [
        account.name,
        mode,
        state.trading.status.lower(),
        f"{state.open_position_count}/{limits.max_open_positions}",
        f"{state.exposure:,.0f}/{limits.max_notional_exposure:,.0f}",
        dollars(state.pnl_on(exchange_day(facts.now))),
        _seat(facts.seat),
        "-" if facts.undecided is None else f"{facts.undecided:,}",
    ]


def _seat(seat: Seat | None) -> str:
    if seat is None:
        return "-"
    standby = f" +{len(seat.standbys)}" if seat.standbys else ""
    return ("taken" if seat.holder else "nobody") + standby
