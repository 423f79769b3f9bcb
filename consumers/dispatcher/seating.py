"""Taking the seat: fence off whoever had it, read the log's tail, say so there, find the start.

Each time anew, with a producer of its own. What outlives a seat is handed in.
"""

import time
from dataclasses import dataclass

from confluent_kafka import Consumer

from accounts.halting import halt_after_refused_credentials
from brokers.books import KeepsBooks
from brokers.broker import BrokerAccount
from consumers.clock import SystemClock
from consumers.dispatcher.command_log import CommandLog
from consumers.dispatcher.commanding import Commanding
from consumers.dispatcher.equipment import Equipment
from consumers.dispatcher.historical_clock import go_by_history
from consumers.dispatcher.identity import Identity
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.opening import (
    account_opened,
    check_account,
    check_opened,
    dispatcher_started,
    start_offset,
)
from consumers.dispatcher.orders import Orders
from consumers.dispatcher.reconciler import Reconciler
from consumers.dispatcher.seat import Seat
from consumers.dispatcher.tenure import Tenure
from consumers.foreign import HALTING
from consumers.logs import get_log
from consumers.offsets import committed_offset
from events.order import ExecutionMode
from events.topics import RECOMMENDATIONS


@dataclass(frozen=True, slots=True)
class Taken:
    """A seat that was taken; `start` is the offset at which to read recommendations."""

    tenure: Tenure
    start: int


def take_seat(
    equipment: Equipment, log: AccountLog, commands: CommandLog, consumer: Consumer
) -> Taken:
    """Take the seat that Kafka has assigned to `consumer`.

    Raises:
        Fenced: Another process has taken it meanwhile.
        SeatLost: What must be said first could not be written.
        ConfigurationError: The log was opened for another account.
        ServiceUnreachable: Kafka does not answer.
    """
    began = time.monotonic()
    account, decider = equipment.account, equipment.decider
    recommendations = equipment.cluster.topic(RECOMMENDATIONS.name)
    seat = Seat(equipment.cluster, account.account, account.tuning.transaction_timeout_ms)
    state = log.read_to_end(all_of_it=True)
    check_opened(state.opened, account)
    go_by_history(equipment.clock, state)
    tenure = _tenure(equipment, log, commands, seat, recommendations)
    append = tenure.appending.append
    now = SystemClock().now()
    if state.opened is None:
        first = start_offset(consumer, recommendations, account.start_from)
        append(account_opened(decider.author, account, now, first_offset=first))
    append(dispatcher_started(decider, account, now, log.next_offset))
    opened = log.state.opened
    start = max(
        committed_offset(consumer, recommendations) or 0,
        log.state.next_recommendation_offset,
        opened.first_offset if opened is not None else 0,
    )
    tenure.begin(start)
    get_log(account_name=account.account).info(
        "seat_taken",
        start_offset=start,
        log_offset=log.next_offset,
        unresolved=len(log.state.unresolved()),
        took_ms=round((time.monotonic() - began) * 1000),
    )
    return Taken(tenure, start)


def _tenure(
    equipment: Equipment, log: AccountLog, commands: CommandLog, seat: Seat, recommendations: str
) -> Tenure:
    account, decider, broker = equipment.account, equipment.decider, equipment.broker
    clock, glass = equipment.clock, equipment.glass

    def check(at_broker: BrokerAccount) -> None:
        check_account(log.state.opened, account, at_broker)

    def refused(said: str) -> None:
        """Whoever has the seat traded with that key: a new one alone does not go on."""
        halt = halt_after_refused_credentials(log.state, said, decider.author, clock.now())
        if halt is not None:
            tenure.appending.append(halt)

    simulated = account.mode is ExecutionMode.SIMULATED
    tenure = Tenure(
        log,
        seat,
        Orders(broker, clock, simulated=simulated, glass=glass.reason),
        decider,
        clock,
        recommendations,
        commands=commands,
        commanding=Commanding(decider, glass),
        identity=Identity(broker, check, clock.elapsed_s, refused),
        reconciler=_reconciler(equipment),
    )
    return tenure


def _reconciler(equipment: Equipment) -> Reconciler | None:
    """A broker that nobody but us trades with has no books of its own."""
    broker, account = equipment.broker, equipment.account
    if not isinstance(broker, KeepsBooks):
        return None
    policy = HALTING if account.alpaca is None else account.alpaca.foreign
    return Reconciler(broker, equipment.clock, account.tuning.reconcile_interval_ms, policy)
