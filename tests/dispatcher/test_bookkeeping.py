"""What a look at the broker's books writes, and what it leaves unwritten."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from accounts.evolve import evolve
from accounts.state import AccountState
from brokers.books import BrokerBooks
from brokers.broker import OrderStatus
from brokers.errors import CredentialsRefused
from consumers.dispatcher.bookkeeping import FIGURES_EVERY, entries
from consumers.dispatcher.reconciler import AnotherAccount, Found
from consumers.dispatcher.reconciling import compare
from consumers.dispatcher.recording import Outcomes
from consumers.dispatcher.seat import Record
from consumers.foreign import HALTING, ForeignPolicy, OnForeign
from events.account import AccountHalted, AccountReconciled, IncidentRecorded, PositionAdjusted
from events.catalog import LogEvent
from events.order import OrderFilled
from tests.builders import NOW, a_failure, a_resumption, an_account
from tests.dispatcher.reports import INTENT, SYMBOL, WRITER, a_report, books
from tests.order_builders import a_cancellation, a_fill, an_acceptance

STRANGE = books(held={"TSLA": 1}, cash=Decimal(90), equity=Decimal(91))

TELLING = ForeignPolicy(orders=OnForeign.REPORT, positions=OnForeign.REPORT)


def looked(
    state: AccountState,
    told: BrokerBooks,
    *,
    later: timedelta = timedelta(),
    confirmed: bool = True,
    policy: ForeignPolicy = HALTING,
) -> Outcomes:
    """Return what a look at `told` writes, `later` than `NOW`."""
    comparison = compare(state, told, policy)
    differences = comparison.differences if confirmed else ()
    found = Found(books=told, comparison=comparison, confirmed=differences)
    return entries(state, found, replace(WRITER, now=NOW + later), _record)


def _record(event: LogEvent) -> Record:
    return Record("log", str(event.envelope.event_id).encode())


def kinds(told: Outcomes) -> list[type[LogEvent]]:
    return [type(event) for event in told.events]


def test_a_difference_found_twice_is_told_and_halts() -> None:
    told = looked(an_account(), STRANGE)

    assert kinds(told) == [AccountReconciled, AccountHalted]
    assert told.state.differences == ("the broker holds 1 of TSLA, our log 0",)


def test_a_difference_found_once_writes_nothing() -> None:
    assert kinds(looked(an_account(), STRANGE, confirmed=False)) == []


def test_who_resumes_over_a_difference_is_not_overruled_by_it() -> None:
    # given: an account that was halted for a difference and resumed
    state = evolve(looked(an_account(), STRANGE).state, a_resumption())

    # then: the same difference does not halt again, not even when figures are told anew
    assert kinds(looked(state, STRANGE, later=timedelta(minutes=1))) == []
    richer = replace(STRANGE, account=replace(STRANGE.account, cash=Decimal(95)))
    assert kinds(looked(state, richer, later=FIGURES_EVERY)) == [AccountReconciled]

    # but: another one does
    more = books(held={"TSLA": 1, "AAPL": 2}, cash=Decimal(90), equity=Decimal(91))
    told = looked(state, more, later=timedelta(minutes=1))
    assert kinds(told) == [AccountReconciled, AccountHalted]


def test_a_foreign_holding_that_is_only_reported_is_told_once_and_halts_nothing() -> None:
    told = looked(an_account(), STRANGE, policy=TELLING)

    assert kinds(told) == [AccountReconciled]
    assert told.state.differences == ("the broker holds 1 of TSLA, our log 0; only reported",)
    assert kinds(looked(told.state, STRANGE, policy=TELLING, later=timedelta(minutes=1))) == []

    # but: what differs of ours beside it halts, and is the reason
    held = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=3))
    beside = looked(evolve(held, a_cancellation(INTENT, 3)), STRANGE, policy=TELLING)
    [halt] = [one for one in beside.events if isinstance(one, AccountHalted)]
    assert "the broker holds 0 of MSFT, our log 3" in halt.reason


def test_what_was_only_reported_halts_once_the_account_says_halt() -> None:
    state = looked(an_account(), STRANGE, policy=TELLING).state

    told = looked(state, STRANGE, later=timedelta(minutes=1))

    assert kinds(told) == [AccountReconciled, AccountHalted]
    assert told.state.differences == ("the broker holds 1 of TSLA, our log 0",)


def test_figures_are_told_when_they_change_and_not_too_often() -> None:
    equal = books(cash=Decimal(90), equity=Decimal(91))
    richer = books(cash=Decimal(95), equity=Decimal(96))
    state = looked(an_account(), equal).state

    assert kinds(looked(state, equal, later=FIGURES_EVERY * 2)) == []
    assert kinds(looked(state, richer, later=FIGURES_EVERY / 2)) == []
    assert kinds(looked(state, richer, later=FIGURES_EVERY)) == [AccountReconciled]
    assert kinds(looked(state, equal, later=timedelta(days=1))) == [AccountReconciled]


def test_a_fill_after_a_cancel_is_a_fill_and_no_incident() -> None:
    ended = an_account(
        INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=3), a_cancellation(INTENT, 3)
    )
    report = a_report(3, 7, status=OrderStatus.CANCELED)

    told = looked(ended, books(report, held={SYMBOL: 7}))

    assert kinds(told) == [OrderFilled, AccountReconciled]
    assert told.state.positions[SYMBOL].quantity == 7
    assert kinds(looked(told.state, books(report, held={SYMBOL: 7}))) == []


def test_an_order_that_works_after_it_had_failed_is_an_incident_once() -> None:
    failed = an_account(INTENT, a_failure())
    working = books(a_report(3, status=OrderStatus.WORKING), held={SYMBOL: 3})

    told = looked(failed, working)

    assert kinds(told) == [IncidentRecorded, AccountHalted, PositionAdjusted, AccountReconciled]
    assert told.state.positions[SYMBOL].quantity == 3
    assert kinds(looked(told.state, working)) == []


def test_fills_of_an_order_that_had_failed_are_booked_as_they_come_each_once() -> None:
    failed = an_account(INTENT, a_failure())
    more = a_report(3, 7, status=OrderStatus.CANCELED)
    first = looked(failed, books(a_report(3, status=OrderStatus.WORKING), held={SYMBOL: 3})).state

    # when: more of it is filled before the cancel takes effect
    told = looked(first, books(more, held={SYMBOL: 7}))

    # then: what is new is booked, at what it cost, and the books are equal from here on
    [adjusted] = [event for event in told.events if isinstance(event, PositionAdjusted)]
    assert adjusted.quantity_change == 4
    assert told.state.positions[SYMBOL].quantity == 7
    assert told.state.ends.total == 1
    assert kinds(looked(told.state, books(more, held={SYMBOL: 7}))) == []
    later = timedelta(minutes=1)
    gone = looked(told.state, replace(books(more), asked_at=NOW + later), later=later)
    assert gone.state.differences == (f"the broker holds 0 of {SYMBOL}, our log 7",)


def test_a_key_that_is_refused_halts_until_someone_resumes() -> None:
    state = an_account()

    told = entries(state, CredentialsRefused("unauthorized."), WRITER, _record)

    assert kinds(told) == [AccountHalted]
    assert kinds(entries(told.state, CredentialsRefused("unauthorized."), WRITER, _record)) == []


def test_books_of_another_account_halt_once_and_again_after_a_resumption() -> None:
    other = AnotherAccount("PA999")

    told = entries(an_account(), other, WRITER, _record)

    [halted] = told.events
    assert isinstance(halted, AccountHalted)
    assert "opens account PA999" in halted.reason
    assert kinds(entries(told.state, other, WRITER, _record)) == []
    resumed = evolve(told.state, a_resumption())
    assert kinds(entries(resumed, other, WRITER, _record)) == [AccountHalted]
