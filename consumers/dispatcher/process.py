"""The dispatcher as a process: everything is checked and wired here, and only here."""

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeAlias
from uuid import uuid4

from brokers.broker import Broker
from consumers.clock import Clock
from consumers.dispatcher.break_glass import BreakGlass
from consumers.dispatcher.brokerage import market_of, views_of, wire
from consumers.dispatcher.decider import Decider
from consumers.dispatcher.equipment import Equipment
from consumers.dispatcher.life import Dispatcher
from consumers.dispatcher.opening import Counts
from consumers.health import Heartbeat
from consumers.logs import bind_run, get_log
from consumers.registry import RegistrySchemaSource, check_schemas
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from consumers.settings_hash import config_hash, limits_json
from consumers.topics_admin import check_account_topics
from consumers.version import build
from events.author import Author
from events.catalog import LOG_EVENTS
from events.codec import Codec
from events.command import CommandIssued
from events.snapshot import AccountSnapshot

Wiring: TypeAlias = Callable[[AccountSettings], tuple[Broker, Clock]]


def run_dispatcher(
    settings: Settings,
    name: str,
    *,
    until_caught_up: bool = False,
    stop: Event | None = None,
    wiring: Wiring | None = None,
    heartbeat: Heartbeat | None = None,
) -> Counts:
    """Run account `name`'s dispatcher until SIGTERM, or until it has caught up.

    Args:
        settings: The whole configuration.
        name: The account, as configured.
        until_caught_up: End when all that was recommended at the start is settled.
        stop: Set from outside to end it; None: SIGTERM and SIGINT set it.
        wiring: Broker and clock; None: those that the account's settings ask for.
        heartbeat: Beats at each turn of the loop; None: nobody looks.

    Raises:
        NotFoundError: There is no such account.
        ConfigurationError: Topics, schemas, the log or the broker's account do not fit.
        ServiceUnreachable: Kafka or the registry does not answer at the start.
        Fenced: Another process has taken the seat.
    """
    account = settings.account(name)
    stop = stop or stop_on_signals()
    author = Author(
        account=account.account,
        run_id=uuid4(),
        config_hash=config_hash(account),
        build=build(),
    )
    bind_run(author.run_id, account_name=account.name)
    log = get_log()
    log.info("dispatcher_start", run_id=author.run_id, mode=account.mode, build=author.build)
    source = RegistrySchemaSource(settings.registry.url)
    with ThreadPoolExecutor(1) as beside:
        schemas = beside.submit(check_schemas, source)
        check_account_topics(
            settings.kafka.cluster,
            account.account,
            development=settings.kafka.environment == "development",
        )
        schemas.result()
    codec = Codec(source)
    codec.prepare((*LOG_EVENTS, AccountSnapshot))
    codec.prepare_reading([CommandIssued])  # a halt must be read while the registry is down
    limits = json.loads(limits_json(account))
    log.info("config_loaded", config_hash=author.config_hash, limits=limits)
    broker, clock = (wiring or wire)(account)
    decider = Decider(
        author=author,
        codec=codec,
        limits=account.limits(),
        market=views_of(market_of(account, broker), clock.elapsed_s),
        mode=account.mode,
        submit_window_ms=account.tuning.submit_window_ms,
        answer_within_ms=account.tuning.answer_within_ms,
    )
    equipment = Equipment(
        cluster=settings.kafka.cluster,
        account=account,
        decider=decider,
        broker=broker,
        clock=clock,
        glass=BreakGlass(settings.break_glass.file, account.name, settings.accounts),
    )
    return Dispatcher(equipment, stop, until_caught_up=until_caught_up, heartbeat=heartbeat).run()


def stop_on_signals() -> Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
