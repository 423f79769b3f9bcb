"""What can become of a recommendation, logs of such lives, and any way to cut them into batches."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from hypothesis import strategies as st

from events.identifiers import AccountName, Leg
from events.order import Side
from projections.record import Record
from tests.projections.story import Log


def partly_then_wholly(log: Log, number: int) -> None:
    log.intended(number)
    log.filled(number, "4", "100")
    log.accepted(number)
    log.filled(number, "6", "101.5", before=("4", "400"))


def partly_then_canceled(log: Log, number: int) -> None:
    log.intended(number)
    log.unknown(number)
    log.accepted(number)
    log.filled(number, "3", "99")
    log.canceled(number, filled="3")


def failed_before_an_order(log: Log, number: int) -> None:
    log.failed(number)


def failed_with_an_order(log: Log, number: int) -> None:
    log.intended(number)
    log.unknown(number)
    log.failed(number, order=True)


def rejected(log: Log, number: int) -> None:
    log.intended(number)
    log.rejected(number)


def declined(log: Log, number: int) -> None:
    log.declined(number)


def closed_at_its_target(log: Log, number: int) -> None:
    log.bracketed(number)
    for leg in (Leg.ENTRY, Leg.STOP, Leg.TARGET):
        log.accepted(number, leg=leg)
    log.filled(number, "10", "100")
    log.filled(number, "10", "104", leg=Leg.TARGET, side=Side.SELL)


def a_run_and_an_incident(log: Log, _: int) -> None:
    log.started()
    log.incident()
    log.stopped()


def imported_from_the_old_ledger(log: Log, number: int) -> None:
    log.imported(number)


LIVES: Final[list[Callable[[Log, int], None]]] = [
    partly_then_wholly,
    partly_then_canceled,
    failed_before_an_order,
    failed_with_an_order,
    rejected,
    declined,
    closed_at_its_target,
    a_run_and_an_incident,
    imported_from_the_old_ledger,
]


@st.composite
def logs(draw: st.DrawFn, account: AccountName) -> Log:
    """An account's log; some events stand in it twice, as a bug or a crash would leave them."""
    log = Log(account)
    for number, life in enumerate(draw(st.lists(st.sampled_from(LIVES), max_size=5)), 1):
        life(log, number)
    if log.events:
        log.events.extend(draw(st.lists(st.sampled_from(log.events), max_size=3)))
    return log


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    """Two accounts' logs."""
    both = [draw(logs(AccountName("tiny"))), draw(logs(AccountName("large")))]
    return [record for log in both for record in log.records()]


def cut(draw: Callable[[Any], Any], stream: list[Record]) -> list[list[Record]]:
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=6)) | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(cuts)]
