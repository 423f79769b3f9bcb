"""A dispatcher that stops where the test wants it: `python -m tests.dispatcher.held_dispatcher`.

It is the real one with a broker and a clock of the test's, wrapped around the real ones. Where it
holds, it says so through one FIFO and waits for the other.
"""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from accounts.state import AccountState
from brokers.broker import (
    Broker,
    BrokerAccount,
    BrokerPosition,
    Fill,
    OrderReport,
    OrderRequest,
    anything_goes,
)
from brokers.errors import OrderNotAccepted, OrderOutcomeUnclear, OrderRefused
from consumers.clock import Clock
from consumers.dispatcher import decider, deciding, submit_gate
from consumers.dispatcher.brokerage import wire
from consumers.dispatcher.process import run_dispatcher
from consumers.errors import DispatcherError
from consumers.logs import configure_logs
from consumers.settings import load_settings
from consumers.settings_account import AccountSettings
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import RejectionClass
from events.recommendation import RecommendationIssued


class Hold(StrEnum):
    """Where a dispatcher can be made to stand still."""

    NOWHERE = "nowhere"
    BEFORE_THE_DECISION_COMMITS = "before-the-decision-commits"
    BETWEEN_INTENT_AND_SUBMIT = "between-intent-and-submit"
    AT_THE_POST = "at-the-post"
    BETWEEN_SUBMIT_AND_OUTCOME = "between-submit-and-outcome"
    AFTER_THE_OUTCOME = "after-the-outcome"
    IN_ITS_CHECKS = "in-its-checks"


class Trouble(StrEnum):
    """What the first POST of each order meets."""

    NONE = "none"
    BREAKS_AFTER_ACCEPTING = "breaks-after-accepting"
    BREAKS_BEFORE_ACCEPTING = "breaks-before-accepting"
    NOT_ACCEPTED = "not-accepted"
    REFUSED = "refused"
    A_BUG_IN_THE_ADAPTER = "a-bug-in-the-adapter"


class Fifos:
    """Says "held" and waits for "go"; each once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._once = threading.Lock()

    def hold(self) -> None:
        if not self._once.acquire(blocking=False):
            return
        (self._directory / "held").write_text("held")
        (self._directory / "go").read_text()


class HeldBroker:
    """Holds just before, or just after, the order reaches the real (simulated) broker."""

    def __init__(self, broker: Broker, hold: Hold, trouble: Trouble, fifos: Fifos) -> None:
        self._broker, self._hold, self._fifos = broker, hold, fifos
        self._trouble = trouble
        self._troubled: set[str] = set()

    @property
    def ledger_is_final(self) -> bool:
        """A broker that breaks off is one whose look-ups prove nothing at once."""
        return self._trouble is Trouble.NONE and self._broker.ledger_is_final

    def submit(self, request: OrderRequest) -> OrderReport:
        request.last_word()  # from here on it is on its way, though it may take its time
        request = replace(request, last_word=anything_goes)
        if self._hold is Hold.AT_THE_POST:
            self._fifos.hold()
        if request.terms.client_order_id not in self._troubled:
            self._troubled.add(request.terms.client_order_id)
            self._meet_trouble(request)
        report = self._broker.submit(request)
        if self._hold is Hold.BETWEEN_SUBMIT_AND_OUTCOME:
            self._fifos.hold()
        return report

    def _meet_trouble(self, request: OrderRequest) -> None:
        match self._trouble:
            case Trouble.BREAKS_AFTER_ACCEPTING:
                self._broker.submit(request)
                raise OrderOutcomeUnclear("read timed out")
            case Trouble.BREAKS_BEFORE_ACCEPTING:
                raise OrderOutcomeUnclear("connection reset")
            case Trouble.NOT_ACCEPTED:
                raise OrderNotAccepted("429 too many requests")
            case Trouble.REFUSED:
                raise OrderRefused(
                    "insufficient buying power",
                    rejection_class=RejectionClass.BUYING_POWER,
                    status=403,
                    code=40310000,
                )
            case Trouble.A_BUG_IN_THE_ADAPTER:
                raise TypeError("float() argument must be a string or a number, not None")
            case Trouble.NONE:
                pass

    def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        return self._broker.find(client_order_id)

    def cancel(self, broker_order_id: BrokerOrderId) -> None:
        self._broker.cancel(broker_order_id)

    def open_orders(self) -> list[OrderReport]:
        return self._broker.open_orders()

    def fills_since(self, moment: datetime) -> list[tuple[BrokerOrderId, Fill]]:
        return self._broker.fills_since(moment)

    def positions(self) -> list[BrokerPosition]:
        return self._broker.positions()

    def account(self) -> BrokerAccount:
        if self._hold is Hold.IN_ITS_CHECKS:
            raise RuntimeError("a bad revision crashes in its checks")
        return self._broker.account()

    def listen(self) -> None:
        self._broker.listen()

    def hush(self) -> None:
        self._broker.hush()

    def orders_free(self) -> int:
        return self._broker.orders_free()

    def requests_free(self) -> int:
        return self._broker.requests_free()

    def told_by(self) -> int:
        return self._broker.told_by()

    def updates(self) -> Iterator[OrderReport]:
        return self._broker.updates()


def plant_a_bug(ticker: str) -> None:
    """Make `decide` raise for one ticker."""
    module: Any = decider
    sound = module.decide

    def decide(state: AccountState, recommendation: RecommendationIssued, *rest: object) -> object:
        if ticker in ("*", recommendation.ticker):
            raise ZeroDivisionError("a bug was planted here")
        decision: object = sound(state, recommendation, *rest)
        return decision

    module.decide = decide


def hold_in_the_loop(where: Hold, fifos: Fifos) -> None:
    """Make the loop stand still as it is about to decide, whatever else it does in between.

    After the outcome: once an order has filled; before the decision commits: at the first advice.
    """
    module: Any = deciding
    sound = module.Deciding.decide  # before it asks for the time

    def decide(seat: Any, *rest: object, **more: object) -> object:  # noqa: ANN401 -- as above
        executed = seat._appending.state.ends.executed  # noqa: SLF001 -- what is committed
        if seat.held and (executed or where is Hold.BEFORE_THE_DECISION_COMMITS):
            fifos.hold()
        return sound(seat, *rest, **more)

    module.Deciding.decide = decide


def hold_before_the_gate(fifos: Fifos) -> None:
    """Make a submitter's thread stand still before it asks whether its POST may start."""
    module: Any = submit_gate
    sound = module.SubmitGate.attempt

    def attempt(gate: object, *order: object, **more: object) -> object:
        fifos.hold()
        return sound(gate, *order, **more)

    module.SubmitGate.attempt = attempt


def main() -> int:
    """Run with CONFIG ACCOUNT HOLD TROUBLE FIFOS [--until-caught-up] [--bug TICKER]."""
    config, account, hold, trouble, fifos, *options = sys.argv[1:]
    configure_logs()
    if "--bug" in options:
        plant_a_bug(options[-1])
    where, what, gate = Hold(hold), Trouble(trouble), Fifos(Path(fifos))
    if where is Hold.BETWEEN_INTENT_AND_SUBMIT:
        hold_before_the_gate(gate)
    if where in (Hold.BEFORE_THE_DECISION_COMMITS, Hold.AFTER_THE_OUTCOME):
        hold_in_the_loop(where, gate)

    def wiring(settings: AccountSettings) -> tuple[Broker, Clock]:
        broker, clock = wire(settings)
        return HeldBroker(broker, where, what, gate), clock

    try:
        run_dispatcher(
            load_settings(Path(config), {}),
            account,
            until_caught_up="--until-caught-up" in options,
            wiring=None if (where, what) == (Hold.NOWHERE, Trouble.NONE) else wiring,
        )
    except DispatcherError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
