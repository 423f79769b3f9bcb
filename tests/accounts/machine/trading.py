"""An account under everything that can happen to it, in any order, as a state machine.

Its log grows only by what a dispatcher would write. At every step no limit is exceeded, and all
that the state keeps equals what is reckoned anew from the log.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from accounts.calendar import exchange_day
from accounts.evolve import evolve, fold
from accounts.halting import halt_after_loss
from accounts.snapshot import dump, load
from accounts.state import ZERO
from events.account import AdjustmentKind, PositionAdjusted
from events.identifiers import Leg
from events.recommendation import InstrumentType
from tests.accounts.histories import a_reconciliation, a_start
from tests.accounts.machine.advice import Advised
from tests.accounts.machine.allowed import CRUMB
from tests.accounts.machine.ground import TICKERS, picks, prices
from tests.accounts.naive import assert_books_are_right
from tests.builders import a_halt, a_reduction, a_resumption, an_adjustment, an_author

READ_BACK_EVERY: Final = 5
"""Steps with news after which the state is written down and read back, but for restarts."""


class Trading(Advised):
    """All that can happen, and what has to hold at every step."""

    @precondition(lambda self: bool(self.advice))
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        """Tell any event of the log and any advice a second time: nothing may change."""
        before = self.state
        assert evolve(before, self.log[pick % len(self.log)]) == before
        assert self.decided([self.advice[pick % len(self.advice)]]) == []

    @precondition(lambda self: self.profile.trades_elsewhere)
    @rule(pick=picks, change=st.sampled_from((-1, 1)), price=prices)
    def trade_elsewhere(self, pick: int, change: int, price: int) -> None:
        held = [symbol for symbol in sorted(self.state.positions) if symbol in TICKERS]
        symbol = held[pick % len(held)] if held else TICKERS[0]
        self.beyond_us = True
        self.adjust(symbol, Decimal(change), Decimal(price), AdjustmentKind.OUTSIDE_TRADE)

    @precondition(lambda self: bool(self.state.positions))
    @rule(pick=picks)
    def split_or_expire(self, pick: int) -> None:
        """A call ends worthless; where none is held, two shares become of one.

        What is ordered already does not become more or less with it.
        """
        held = [position for _, position in sorted(self.state.positions.items())]
        calls = [one for one in held if one.instrument_type is not InstrumentType.STOCK]
        held = calls or held
        one = held[pick % len(held)]
        if one.instrument_type is InstrumentType.STOCK:
            self.adjust(one.symbol, one.quantity, ZERO, AdjustmentKind.CORPORATE_ACTION)
        else:
            self.adjust(one.symbol, -one.quantity, ZERO, AdjustmentKind.EXPIRY)

    def adjust(self, symbol: str, change: Decimal, price: Decimal, kind: AdjustmentKind) -> None:
        held = self.state.positions.get(symbol)
        event: PositionAdjusted = an_adjustment(
            change,
            price,
            kind=kind,
            activity=str(self.change()),
            ticker=symbol if held is None else held.ticker,
            symbol=symbol,
            multiplier=1 if held is None else held.multiplier,
            instrument_type=InstrumentType.STOCK if held is None else held.instrument_type,
        )
        self.beyond_us |= self.state.closing_quantity(symbol) != 0
        self.happened[kind.value] += 1
        self.append(event)

    @rule(wish=st.sampled_from((*["resume"] * 5, "halt", "cancel-open", "reduce")))
    def command(self, wish: str) -> None:
        self.happened[wish] += 1
        if wish == "resume":
            self.append(a_resumption(self.change()))
        elif wish == "reduce":
            self.append(a_reduction(self.change()))
        else:
            halt = a_halt(self.change())
            self.append(replace(halt, cancel_open=wish == "cancel-open"))

    @rule(named=st.booleans(), power=st.sampled_from((None, Decimal(300), Decimal(50_000))))
    def reconcile(self, *, named: bool, power: Decimal | None) -> None:
        """Hold the books against a broker's that may name its equity, and what it lends."""
        equity = self.state.equity if named else None
        told = a_reconciliation(self.change(), equity)
        envelope = replace(told.envelope, occurred_at=self.now)
        event = replace(told, envelope=envelope, broker_buying_power=power)
        self.append(event)
        halt = halt_after_loss(self.state, envelope, self.limits, an_author(), self.now)
        if halt is not None:
            self.stop(halt)

    @rule(dies=st.booleans())
    def restart(self, *, dies: bool) -> None:
        """Die, and come back from the snapshot and the log behind it; or take that snapshot."""
        if not dies:
            self.snapshot = (dump(self.state), len(self.log))
            return
        text, length = self.snapshot
        self.happened["restart"] += 1
        again = fold(self.log[length:], load(text))
        assert again == self.state
        self.state = again
        self.append(a_start(self.change()))

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        if self.beyond_us:
            return
        state, limits = self.state, self.limits
        assert state.exposure <= limits.max_notional_exposure + CRUMB
        assert state.open_position_count <= limits.max_open_positions
        if not limits.allow_shorting:
            assert all(position.quantity > 0 for position in state.positions.values())
            assert state.cash - state.reserved + state.fees >= -CRUMB  # nobody keeps fees back

    @invariant()
    def nothing_here_was_illegal(self) -> None:
        assert self.state.incidents == 0

    @invariant()
    def every_decision_is_known_and_ends_once(self) -> None:
        state = self.state
        assert len(state.decided) == len(self.advice)
        closed = [one for one in state.closed_orders.values() if one.leg is Leg.ENTRY]
        waiting = sum(1 for one in closed if one.end is None)
        entries = [one for one in state.orders.values() if not one.of_bracket]
        unfilled = sum(1 for one in entries if one.cumulative_quantity == 0)
        assert state.ends.total + unfilled + waiting == len(self.advice)

    @invariant()
    def the_books_are_right(self) -> None:
        if self.state is not self.right:
            assert_books_are_right(self.state)
            self.right = self.state
        day = exchange_day(self.now)
        assert self.state.pnl_on(day) == self.reckoned_pnl()
        assert self.state.orders_on(day) == self.orders_today()
        assert self.state.orders_within_minute(self.now) == self.orders_within_minute()

    @invariant()
    def a_state_that_was_read_back_goes_on_as_the_state_does(self) -> None:
        news = self.log[self.read_back_length :]
        if not news:
            return
        self.read_back, self.read_back_length = fold(news, self.read_back), len(self.log)
        assert self.read_back == self.state
        self.steps_told += 1
        if self.steps_told % READ_BACK_EVERY == 0:
            self.read_back = load(dump(self.state))

    def teardown(self) -> None:
        text, length = self.snapshot
        assert fold(self.log) == self.state
        assert fold(self.log[length:], load(text)) == self.state
        assert load(dump(self.state)) == self.state


def run(machine: type[Trading], histories: int, *, derandomize: bool = False) -> None:
    """Tell that many histories of up to 35 steps; a failure prints its shortest history."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            deadline=None,
            database=None,
            derandomize=derandomize,
            max_examples=histories,
            stateful_step_count=35,
        ),
    )
