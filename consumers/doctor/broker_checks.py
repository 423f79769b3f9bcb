"""The broker: can the simulated one keep its book, does the real one know us? Nothing is sent."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from brokers.alpaca.data import AlpacaData
from brokers.alpaca.inspection import (
    MarketClock,
    PaperAccount,
    look_at_account,
    look_at_clock,
)
from brokers.errors import BrokerUnavailable, CredentialsRefused
from consumers.dispatcher.brokerage import data_of, http_of
from consumers.doctor.finding import Finding, fail, ok, warn
from consumers.settings_account import AccountSettings
from consumers.settings_alpaca import AlpacaSettings
from consumers.settings_source import PREFIX

_BUYS_OPTIONS_FROM: Final = 2
_SKEW_WARN_S: Final = 2.0
"""Advice from so far ahead is declined: `clock_tolerance_ms`, as it is unless configured."""

_WELL_KNOWN: Final = "SPY"


def check_broker(account: AccountSettings, ahead_s: float = 0.0) -> Iterator[Finding]:
    """Say whether the broker knows the account, and lets it trade; no order is sent.

    `ahead_s` is how far before this machine's clock the caller's is, in seconds.
    """
    if account.alpaca is None:
        yield from _simulated(account)
    else:
        yield from _paper(account, account.alpaca, ahead_s)


def _simulated(account: AccountSettings) -> Iterator[Finding]:
    name = f"broker {account.name}"
    number = account.broker_account_number
    if account.ledger is None:
        yield ok(name, f"simulated account {number}; without a ledger it forgets when it ends")
        return
    fault = _not_writable(account.ledger)
    if fault:
        yield fail(name, f"ledger {account.ledger}: {fault[0]}", fault[1])
    else:
        yield ok(name, f"simulated account {number}; its ledger can be written")


def _paper(account: AccountSettings, at: AlpacaSettings, ahead_s: float) -> Iterator[Finding]:
    name, http, data = f"broker {account.name}", http_of(at), data_of(at)
    variable = f"{PREFIX}ACCOUNTS__{account.name.upper().replace('-', '_')}__ALPACA__"
    try:
        found = look_at_account(http)
        before_s = time.time() + ahead_s
        clock = look_at_clock(http)
        asked_s = (before_s, time.time() + ahead_s)
        yield _known(name, account, found)
        yield _options(account, found)
        yield _clock(account, clock, asked_s)
        yield _quotes(account, data)
    except CredentialsRefused as refusal:
        yield fail(
            name,
            f"{refusal}",
            f"set {variable}KEY_ID and …SECRET_KEY to the account's own, restart its dispatcher",
        )
    except BrokerUnavailable as error:
        yield fail(
            name,
            f"{error}",
            "see the broker's status page, or correct alpaca.trading_url; what was sent is looked "
            "up as soon as it answers",
            Finding.UNREACHABLE,
        )
    finally:
        http.close()
        data.close()


def _known(name: str, account: AccountSettings, found: PaperAccount) -> Finding:
    configured = account.broker_account_number
    if found.number != configured:
        return fail(
            name,
            f"the key opens account {found.number}, configured is {configured}",
            "if two accounts' keys are swapped, swap them back; else correct broker_account_number",
        )
    if found.blocked:
        return fail(
            name,
            f"paper account {found.number} may not trade: {found.blocked}",
            "have that settled at the broker; its dispatcher does not start meanwhile",
        )
    return ok(name, f"paper account {found.number}, {found.status}")


def _options(account: AccountSettings, found: PaperAccount) -> Finding:
    name = f"options {account.name}"
    if found.options_level is None:
        return warn(name, "the broker does not say which level", "look at the account's settings")
    if found.options_level < _BUYS_OPTIONS_FROM:
        return warn(
            name,
            f"level {found.options_level}: CALL and PUT advice will be rejected",
            f"ask the broker for level {_BUYS_OPTIONS_FROM}, if the account is to buy options",
        )
    return ok(name, f"level {found.options_level}: calls and puts can be bought")


def _clock(account: AccountSettings, found: MarketClock, asked_s: tuple[float, float]) -> Finding:
    name = f"broker clock {account.name}"
    at_s, (before_s, after_s) = found.at.timestamp(), asked_s
    away_s = max(before_s - at_s, at_s - after_s, 0.0)
    says = f"{away_s:.1f} s from ours; the exchange is {'open' if found.is_open else 'closed'}"
    if away_s > _SKEW_WARN_S:
        return warn(name, says, "timedatectl set-ntp true (or whatever keeps this clock right)")
    return ok(name, says)


def _quotes(account: AccountSettings, data: AlpacaData) -> Finding:
    name = f"quotes {account.name}"
    try:
        found = data.stock_snapshot(_WELL_KNOWN)
    except BrokerUnavailable as error:
        return fail(
            name,
            f"{error}",
            "see the broker's status page, or correct alpaca.data_url; advice waits while it is "
            "fresh, then it is declined",
            Finding.UNREACHABLE,
        )
    if found is None:
        return warn(
            name, f"market data answers, but has no {_WELL_KNOWN}", "look at alpaca.data_url"
        )
    return ok(name, "market data answers")


def _not_writable(ledger: Path) -> tuple[str, str] | None:
    folder = ledger.absolute().parent
    if not folder.is_dir():
        return f"there is no directory {folder}", f"mkdir -p {folder}"
    if ledger.exists() and not os.access(ledger, os.W_OK):
        return "it may not be written", f"chmod u+w {ledger}"
    if not os.access(folder, os.W_OK):
        return f"{folder} may not be written", f"chmod u+w {folder}"
    return None
