"""Forty kinds of poison and more: each parks exactly its account, is refused, or does no harm."""

import json
import random
import struct
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from uuid import uuid5

import psycopg
import pytest
from fastavro import parse_schema, schemaless_writer

from events.account import DispatcherStarted, DispatcherStopped
from events.avro import Json, avro_schema
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec
from events.command import CommandIssued
from events.decision import RecommendationFailed
from events.identifiers import AccountName
from events.order import OrderFilled, OrderIntended
from events.projection import ProjectionFailed, ProjectionSettled
from events.readers import bare
from events.records import record_writer
from events.snapshot import AccountSnapshot
from events.topics import RECOMMENDATIONS as ADVICE
from projections.accounts import ACCOUNTS
from projections.checkpoints import Partition
from projections.executions import EXECUTIONS
from projections.failures import FAILURES
from projections.folding import Part
from projections.parked import list_parked
from projections.projection import Projection
from projections.recommendations import RECOMMENDATIONS
from projections.record import Record, read_record
from projections.retry import Retry
from projections.runs import RUNS
from projections.skip import Skip
from projections.status import STATUS
from projections.verify.catalog import FOLDS
from projections.verify.compare import differences
from tests.projections.driving import Driver, rows
from tests.projections.story import (
    CODEC,
    NOW,
    OPTION,
    RUN,
    KnownSchemas,
    Log,
    recommendation,
    record,
    records,
)
from tests.schemas.examples import example

FUTURE, STRANGE = 9001, 9002
"""Ids that the registry does not have yet: of a later version, of an event nobody knows."""

POISONED: Final = 5
"""The recommendation that the poison is about; others come before it and after it."""

SQL_FIX = """
ALTER TABLE dispatch_orders DROP CONSTRAINT ck_dispatch_orders_numbers;
ALTER TABLE dispatch_fills DROP CONSTRAINT ck_dispatch_fills_numbers;
ALTER TABLE dispatch_executions DROP CONSTRAINT ck_dispatch_executions_numbers;
ALTER TABLE account_state DROP CONSTRAINT ck_account_state_numbers;
DROP FUNCTION trap CASCADE;
"""
TRAP = """
CREATE FUNCTION trap() RETURNS TRIGGER LANGUAGE plpgsql AS
$$ BEGIN
    IF to_jsonb(NEW) ->> TG_ARGV[0] = 'TRAP' THEN RAISE EXCEPTION 'no traps'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trap BEFORE INSERT ON dispatch_orders
    FOR EACH ROW EXECUTE FUNCTION trap('ticker');
CREATE TRIGGER trap BEFORE INSERT ON recommendation_status
    FOR EACH ROW EXECUTE FUNCTION trap('ticker');
CREATE TRIGGER trap BEFORE INSERT ON dispatcher_runs
    FOR EACH ROW EXECUTE FUNCTION trap('host');
CREATE TRIGGER trap BEFORE INSERT ON dispatch_failures
    FOR EACH ROW EXECUTE FUNCTION trap('error');
CREATE TRIGGER trap BEFORE INSERT ON dispatch_recommendations
    FOR EACH ROW EXECUTE FUNCTION trap('ticker');
"""


class LaterSchemas(KnownSchemas):
    """The registry after the next release was registered: the later version can be read."""

    def schema_of(self, schema_id: int) -> Json | None:
        return later_schema() if schema_id == FUTURE else super().schema_of(schema_id)


@dataclass(frozen=True, slots=True)
class Poison:
    """One kind: what it appends to a log, and what has to become of it in `executions`.

    `parks` is the sqlstate that it is parked with, ``unreadable`` for none, None: it does no harm.
    `cure` is what makes a retry go on: ``sql``, ``reader``, or ``skip`` where nothing else does.
    """

    name: str
    brew: Callable[[Log], AnyEvent | bytes | None]
    parks: str | None = "unreadable"
    cure: str = "skip"

    @property
    def account(self) -> AccountName:
        return AccountName(self.name.replace(" ", "-"))


def later_schema() -> Json:
    schema: Any = avro_schema(OrderIntended)
    wave = {"name": "wave", "type": ["null", "string"], "default": None}
    return {**schema, "fields": [*schema["fields"], wave]}


def written(kind: type, event: AnyEvent, schema_id: int, schema: Json, **more: object) -> bytes:
    body = BytesIO()
    body.write(struct.pack(">bI", 0, schema_id))
    schemaless_writer(body, parse_schema(bare(schema)), {**record_writer(kind)(event), **more})
    return body.getvalue()


def intent(log: Log, **terms: Any) -> AnyEvent:  # noqa: ANN401 -- any field of the terms
    """Return an intent of the poisoned recommendation with other `terms`."""
    log.intended(POISONED)
    event = log.events.pop()
    assert isinstance(event, OrderIntended)
    return replace(event, terms=replace(event.terms, **terms))


def fill(log: Log, **changes: Any) -> AnyEvent:  # noqa: ANN401 -- any field of the fill
    """Return a fill of an order of the poisoned recommendation, with `changes`."""
    log.filled(POISONED, "10", "100")
    event = log.events.pop()
    assert isinstance(event, OrderFilled)
    return replace(event, **changes)


def encoded(log: Log) -> bytes:
    return CODEC.encode(intent(log))


def refit(data: bytes, kind: type[AnyEvent]) -> bytes:
    """Return the body of one event under the id of another kind's schema."""
    return struct.pack(">bI", 0, EVENTS.index(kind)) + data[5:]


def stranger(_log: Log) -> AnyEvent:
    other = Log(AccountName("somebody-else"))
    return intent(other)


def twice(log: Log) -> AnyEvent:
    return log.events[-1]


def filled_before_it_was_meant(log: Log) -> AnyEvent:
    log.filled(POISONED, "10", "100")
    return intent(log)


def meant_twice(log: Log) -> AnyEvent:
    log.intended(POISONED)
    return intent(log, ticker="AAPL", symbol="AAPL")


def too_long_a_name() -> str:
    return "".join(random.Random(7).choices("0123456789abcdef", k=20_000))  # noqa: S311 -- text that does not compress


def with_a_date_that_never_was(log: Log) -> AnyEvent:
    log.intended(POISONED, option=replace(OPTION, symbol="MSFT260231C00400000"))
    event = log.events.pop()
    assert isinstance(event, OrderIntended)
    return replace(event, option=None)


def started(log: Log, **changes: Any) -> AnyEvent:  # noqa: ANN401 -- any field of the event
    """Return the beginning of another run than the log's, with `changes`."""
    log.started()
    event = log.events.pop()
    assert isinstance(event, DispatcherStarted)
    envelope = replace(event.envelope, dispatcher_run_id=uuid5(RUN, "another"))
    return replace(event, envelope=envelope, **changes)


def stopped(log: Log, **changes: Any) -> AnyEvent:  # noqa: ANN401 -- any field of the event
    log.stopped()
    event = log.events.pop()
    assert isinstance(event, DispatcherStopped)
    return replace(event, **changes)


def failed(log: Log, **changes: Any) -> AnyEvent:  # noqa: ANN401 -- any field of the event
    log.failed(POISONED)
    event = log.events.pop()
    assert isinstance(event, RecommendationFailed)
    return replace(event, **changes)


def _in_bytes(log: Log, old: bytes, new: bytes) -> bytes:
    data = encoded(log)
    assert old in data
    return data.replace(old, new, 1)


POISONS: Final = (
    Poison("tombstone", lambda _: None),
    Poison("no bytes at all", lambda _: b""),
    Poison("one byte", lambda _: b"\0"),
    Poison("header without body", lambda log: encoded(log)[:5]),
    Poison("another magic byte", lambda log: b"\7" + encoded(log)[1:]),
    Poison("json instead of avro", lambda _: json.dumps({"ticker": "MSFT"}).encode()),
    Poison("text", lambda _: b"kein Ereignis, gar keines"),
    Poison("noise", lambda _: random.Random(1).randbytes(300)),  # noqa: S311 -- bytes of no meaning
    Poison("unregistered schema", lambda log: struct.pack(">bI", 0, 77_777) + encoded(log)[5:]),
    Poison("negative schema id", lambda log: struct.pack(">bi", 0, -1) + encoded(log)[5:]),
    Poison("cut in half", lambda log: encoded(log)[: len(encoded(log)) // 2]),
    Poison("one byte short", lambda log: encoded(log)[:-1]),
    Poison("one byte too many", lambda log: encoded(log) + b"\0"),
    Poison("two events in one record", lambda log: encoded(log) * 2),
    Poison("body of another event", lambda log: refit(encoded(log), OrderFilled)),
    Poison("text that is not utf8", lambda log: _in_bytes(log, b"momentum", b"\xff\xfementum")),
    Poison("length below zero", lambda log: _in_bytes(log, b"\x08MSFT", b"\x07MSFT")),
    Poison(
        "future version",
        lambda log: written(OrderIntended, intent(log), FUTURE, later_schema(), wave="hello"),
        cure="reader",
    ),
    Poison(
        "unknown event",
        lambda log: struct.pack(">bI", 0, STRANGE) + encoded(log)[5:],
    ),
    Poison("event of another account", stranger),
    Poison("advice in a log", lambda _: recommendation(POISONED)),
    Poison("command in a log", lambda _: example(CommandIssued)),
    Poison("snapshot in a log", lambda _: example(AccountSnapshot)),
    Poison("projection failure in a log", lambda _: example(ProjectionFailed)),
    Poison("settlement in a log", lambda _: example(ProjectionSettled)),
    Poison("quantity zero", lambda log: intent(log, quantity=Decimal(0)), "23514", "sql"),
    Poison("quantity below zero", lambda log: intent(log, quantity=Decimal(-3)), "23514", "sql"),
    Poison("quantity overflow", lambda log: intent(log, quantity=Decimal(10**16)), "23514", "sql"),
    Poison("multiplier zero", lambda log: intent(log, multiplier=0), "23514", "sql"),
    Poison("limit below zero", lambda log: intent(log, limit_price=Decimal(-1)), "23514", "sql"),
    Poison("price overflow", lambda log: intent(log, worst_price=Decimal(10**13)), "23514", "sql"),
    Poison(
        "notional overflow",
        lambda log: intent(log, reserved_notional=Decimal(10**19)),
        "23514",
        "sql",
    ),
    Poison(
        "notional below zero",
        lambda log: intent(log, reserved_notional=Decimal(-1)),
        "23514",
        "sql",
    ),
    Poison(
        "order id too long", lambda log: intent(log, client_order_id=too_long_a_name()), "54000"
    ),
    Poison("refused by a trigger", lambda log: intent(log, ticker="TRAP"), "P0001", "sql"),
    Poison("fill price below zero", lambda log: fill(log, price=Decimal(-1)), "23514", "sql"),
    Poison("fill price overflow", lambda log: fill(log, price=Decimal(10**13)), "23514", "sql"),
    Poison("fill of nothing", lambda log: fill(log, quantity=Decimal(0)), "23514", "sql"),
    Poison(
        "fill above what is filled",
        lambda log: fill(log, quantity=Decimal(11)),
        "23514",
        "sql",
    ),
    Poison("fees overflow", lambda log: fill(log, fees=Decimal(10**13)), "23514", "sql"),
    Poison("division by zero", lambda log: fill(log, cumulative_quantity=Decimal(0))),
    Poison("key too long", lambda log: fill(log, fill_key=too_long_a_name()), "54000"),
    Poison("duplicate", twice, parks=None),
    Poison("duplicate that says otherwise", meant_twice, parks=None),
    Poison("out of order", filled_before_it_was_meant, parks=None),
    Poison("nul in a name", lambda log: intent(log, ticker="MS\0FT"), parks=None),
    Poison("a megabyte of reason", lambda log: replace_reason(log, "x" * 2**20), parks=None),
    Poison("snapshot that is no json", lambda log: replace_reason(log, '{"a": NaN'), parks=None),
    Poison("date that never was", with_a_date_that_never_was, parks=None),
    Poison("run refused by a trigger", lambda log: started(log, host="TRAP"), parks=None),
    Poison(
        "counts overflow",
        lambda log: stopped(log, intended=2**63 - 1, declined=2**63 - 1),
        parks=None,
    ),
    Poison("failure refused by a trigger", lambda log: failed(log, error="TRAP"), parks=None),
    Poison("a megabyte of error", lambda log: failed(log, error="x" * 2**20), parks=None),
)

OF_ORDERS: Final = frozenset(
    {
        "header without body",
        "cut in half",
        "one byte short",
        "one byte too many",
        "two events in one record",
        "body of another event",
        "text that is not utf8",
        "length below zero",
        "event of another account",
    }
)
"""Unreadable, but their heads name an event about an order: who reads none of those goes on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A projection, and the readable poisons that harm it: what they are parked with, the cure."""

    projection: Projection
    reads_orders: bool
    own: Mapping[str, tuple[str, str]]

    def harm(self, poison: Poison) -> tuple[str, str] | None:
        """Return what `poison` is parked with here, and its cure; None where it does no harm."""
        if self.projection is EXECUTIONS:
            return None if poison.parks is None else (poison.parks, poison.cure)
        if poison.name in self.own:
            return self.own[poison.name]
        is_unreadable = story(poison)[0][story(poison)[1]].unreadable is not None
        if not is_unreadable or (poison.name in OF_ORDERS and not self.reads_orders):
            return None
        return "unreadable", poison.cure


PLACES: Final = (
    Place(EXECUTIONS, True, {}),  # noqa: FBT003 -- a column of this table
    Place(STATUS, True, {"refused by a trigger": ("P0001", "sql")}),  # noqa: FBT003
    Place(ACCOUNTS, True, {"quantity overflow": ("23514", "sql")}),  # noqa: FBT003
    Place(
        RUNS,
        False,  # noqa: FBT003
        {"run refused by a trigger": ("P0001", "sql"), "counts overflow": ("22003", "skip")},
    ),
    Place(FAILURES, False, {"failure refused by a trigger": ("P0001", "sql")}),  # noqa: FBT003
)


@dataclass
class Logs:
    """All logs to read once more, without what was skipped."""

    logs: Mapping[str, list[Record]]
    skipped: set[tuple[str, int]] = field(default_factory=set)

    def read(
        self, _projection: str, partition: Partition, start: int, end: int
    ) -> Generator[Part, None, None]:
        topic, _ = partition
        kept = [
            reread(one)
            for one in self.logs[topic][start:end]
            if (topic, one.origin.offset) not in self.skipped
        ]
        yield kept, end


def replace_reason(log: Log, text: str) -> AnyEvent:
    event = intent(log)
    assert isinstance(event, OrderIntended)
    return replace(event, reason=text, features_snapshot=text)


def story(poison: Poison) -> tuple[list[Record], int]:
    """Return a log with the poison in its midst, and the poison's offset."""
    log = Log(poison.account)
    log.started()
    log.failed(3)
    log.intended(1)
    log.filled(1, "10", "100")
    brewed = poison.brew(log)
    offset = len(log.events)
    value = brewed if brewed is None or isinstance(brewed, bytes) else CODEC.encode(brewed)
    before = records(log.topic, log.events)
    log.intended(2)
    log.filled(2, "10", "100")
    log.failed(4)
    log.stopped()
    after = [
        record(log.topic, number, CODEC.encode(event))
        for number, event in enumerate(log.events[offset:], offset + 1)
    ]
    return [*before, record(log.topic, offset, value), *after], offset


def run(dsn: str, query: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(query.encode())


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.projection.name)
def test_each_poison_parks_its_own_account_and_the_cure_lets_it_catch_up_in_order(
    database: str, place: Place
) -> None:
    run(database, TRAP)
    stories = {poison: story(poison) for poison in POISONS}
    harms = {poison: harm for poison in POISONS if (harm := place.harm(poison)) is not None}
    logs = Logs({log[0].origin.topic: log for log, _ in stories.values()})
    driver = Driver(database, place.projection, past=logs)
    longest = max(len(log) for log, _ in stories.values())

    stream = [one for n in range(longest) for log, _ in stories.values() for one in log[n : n + 1]]
    applied = driver.apply(stream)

    assert len(POISONS) >= 40
    assert applied.failed == len(driver.failures.heard) == len(harms)
    with psycopg.connect(database) as connection:
        queues = {queue.topic: queue for queue in list_parked(connection)}
    found = {
        poison.name: (queue.first_offset, queue.sqlstate or "unreadable")
        for poison in POISONS
        if (queue := queues.get(stories[poison][0][0].origin.topic)) is not None
    }
    assert found == {
        poison.name: (stories[poison][1], parks) for poison, (parks, _) in harms.items()
    }
    assert_tables_tell(
        database,
        place.projection,
        [log[:offset] if poison in harms else log for poison, (log, offset) in stories.items()],
    )

    cures = {poison: cure for poison, (_, cure) in harms.items()}
    cured(database, driver, logs, cures, stories)

    assert rows(database, "parked_events") == []
    assert_tables_tell(
        database,
        place.projection,
        [
            [one for one in log if cures.get(poison) != "skip" or one.origin.offset != offset]
            for poison, (log, offset) in stories.items()
        ],
    )
    driver.close()


def assert_tables_tell(database: str, projection: Projection, logs: list[list[Record]]) -> None:
    """Hold the tables against a plain fold of what of the logs can be read."""
    plain = FOLDS[projection.name]()
    for log in logs:
        for one in log:
            event = reread(one).event
            if event is not None:
                plain.take(event, one.origin)
    tables = plain.tables()
    assert tables.keys() == set(projection.tables)
    assert all(tables[table] for table in projection.tables)
    with psycopg.connect(database) as connection:
        for table, expected in tables.items():
            assert list(differences(connection, table, expected)) == []


def cured(
    database: str,
    driver: Driver,
    logs: Logs,
    cures: Mapping[Poison, str],
    stories: Mapping[Poison, tuple[list[Record], int]],
) -> None:
    """Mend what can be mended, skip the rest, and retry each account."""
    settled: list[ProjectionSettled] = []
    projection = driver.engine.projection
    retry = Retry(
        session=driver.session,
        codec=Codec(LaterSchemas()),
        record_failure=driver.failures,
        record_settlement=settled.append,
        now=lambda: NOW,
        by="ann",
        build="test",
        past=logs,
    )
    skip = Skip(session=driver.session, record_settlement=settled.append, now=lambda: NOW, by="ann")
    run(database, SQL_FIX)
    for poison, cure in cures.items():
        log, offset = stories[poison]
        topic = log[0].origin.topic
        before = retry(projection, topic) if cure == "skip" else None
        if before is not None:
            assert (before.applied, before.waiting) == (0, len(log) - offset), poison.name
            skip(projection, topic, offset, "nothing can be made of it")
            logs.skipped.add((topic, offset))
        result = retry(projection, topic)
        assert result.waiting == 0, (poison.name, result.error)
    assert len(settled) == len(cures)


def test_advice_that_no_row_can_be_made_of_holds_up_none_but_what_a_table_refuses_holds_up_all(
    database: str,
) -> None:
    run(database, TRAP)
    values = [log[offset].value for log, offset in map(story, POISONS)]
    good = [CODEC.encode(recommendation(number)) for number in (1, 2, 3)]
    trap = CODEC.encode(recommendation(9, ticker="TRAP"))
    stream = [
        record(ADVICE.name, offset, value)
        for offset, value in enumerate([good[0], *values, good[1], trap, good[2]])
    ]
    driver = Driver(database, RECOMMENDATIONS)

    applied = driver.apply(stream)

    assert (applied.failed, applied.waiting) == (1, 1)
    with psycopg.connect(database) as connection:
        [queue] = list_parked(connection)
    assert (queue.topic, queue.first_offset, queue.sqlstate) == (
        ADVICE.name,
        len(stream) - 2,
        "P0001",
    )
    told = [row["id"] for row in rows(database, "dispatch_recommendations", "id")]
    assert told == [1, 2, POISONED]  # one of the poisons is advice, which is in its place here

    trapped = (stream, len(stream) - 2)
    cured(database, driver, Logs({}), {POISONS[0]: "sql"}, {POISONS[0]: trapped})

    assert rows(database, "parked_events") == []
    told = [row["id"] for row in rows(database, "dispatch_recommendations", "id")]
    assert told == [1, 2, 3, POISONED, 9]
    assert_tables_tell(database, RECOMMENDATIONS, [stream])
    driver.close()


def reread(one: Record) -> Record:
    return read_record(
        Codec(LaterSchemas()), one.origin, key=one.key, value=one.value, headers=one.headers
    )


@pytest.mark.parametrize(
    "terms",
    [
        {"quantity": Decimal("NaN")},
        {"quantity": Decimal("sNaN")},
        {"quantity": Decimal("Infinity")},
        {"limit_price": Decimal("-Infinity")},
        {"quantity": Decimal("1e400")},
        {"quantity": Decimal(10) ** 19},
        {"limit_price": Decimal("0.000000001")},
        {"quantity": 1.5},
        {"quantity": None},
        {"quantity": "10"},
        {"multiplier": 2**63},
        {"multiplier": "1"},
        {"ticker": None},
        {"ticker": "\ud800"},
        {"ticker": b"MSFT"},
        {"side": "SIDEWAYS"},
    ],
    ids=str,
)
def test_what_has_no_place_on_the_wire_is_refused_before_it_is_in_a_log(
    terms: dict[str, Any],
) -> None:
    event = intent(Log(AccountName("tiny")), **terms)

    with pytest.raises((ValueError, TypeError, AttributeError, OverflowError)):
        CODEC.encode(event)
