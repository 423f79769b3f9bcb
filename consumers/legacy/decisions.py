"""Where rows of the old ledger go, as an operator decided; what nobody decided stays open. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias
from uuid import UUID

from consumers.legacy.rows import Judged
from events.identifiers import AccountName

SIMULATED_FALLBACK: Final = "SIMULATED_FALLBACK"
"""The old service wrote it where an order failed or its answer was not understood: the row is no
trade, and beside it a real order may have been live."""


class LeftOut(Enum):
    """Why a row stays where it is."""

    NAME = "by its name"
    UNNAMED = "no account"
    FALLBACK = "a fallback"
    FAULTY = "faulty"
    ELSEWHERE = "in another account's log"


class Open(Enum):
    """What somebody has to decide before anything is imported."""

    NAME = "which account?"
    UNNAMED = "whose?"
    FALLBACK = "import a fallback?"
    FAULTY = "leave it out?"


Verdict: TypeAlias = AccountName | LeftOut | Open
"""The account that a row goes to, why it goes nowhere, or what is still to be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What an operator has decided; None where nothing was said."""

    accounts: Mapping[str, AccountName]
    left_out: frozenset[str] = frozenset()
    unnamed: AccountName | None = None
    leave_unnamed: bool = False
    include_fallback: bool | None = None
    leave_faulty: bool = False

    def targets(self) -> list[AccountName]:
        """Return the accounts that rows may go to, each once, in the order they were named."""
        named = [*self.accounts.values(), *([] if self.unnamed is None else [self.unnamed])]
        return list(dict.fromkeys(named))

    def names_of(self, account: AccountName) -> list[str]:
        """Return the old names of `account`."""
        return [old for old, new in self.accounts.items() if new == account]


def verdict(
    judged: Judged, decisions: Decisions, found_in: Callable[[UUID], AccountName | None]
) -> Verdict:
    """Say where a row goes.

    Args:
        judged: The row.
        decisions: What was decided.
        found_in: Says which account's log has an execution already, None: none has.
    """
    account = _account(judged.row.account, decisions)
    undecided = _by_what_it_is(judged, decisions, account)
    if undecided is not None:
        return undecided
    if isinstance(account, LeftOut | Open) or judged.execution is None:
        return account
    where = found_in(judged.execution.execution_id)
    return account if where in (None, account) else LeftOut.ELSEWHERE


def _by_what_it_is(judged: Judged, decisions: Decisions, account: Verdict) -> Verdict | None:
    fallback, faulty = judged.row.mode == SIMULATED_FALLBACK, judged.execution is None
    if fallback and decisions.include_fallback is False:
        return LeftOut.FALLBACK
    if isinstance(account, LeftOut):
        return account
    if faulty and decisions.leave_faulty:
        return LeftOut.FAULTY
    # Asked before whose it is: that is asked of its neighbours too, and all at once is shorter.
    if fallback and decisions.include_fallback is None:
        return Open.FALLBACK
    return Open.FAULTY if faulty else None


def _account(name: str | None, decisions: Decisions) -> Verdict:
    if name is None:
        if decisions.unnamed is not None:
            return decisions.unnamed
        return LeftOut.UNNAMED if decisions.leave_unnamed else Open.UNNAMED
    if name in decisions.left_out:
        return LeftOut.NAME
    return decisions.accounts.get(name, Open.NAME)
