"""The poisons: what of every kind is appended to a log, and what has to become of it."""

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from uuid import uuid5

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
from projections.record import Record, read_record
from tests.projections.story import (
    CODEC,
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


def reread(one: Record) -> Record:
    return read_record(
        Codec(LaterSchemas()), one.origin, key=one.key, value=one.value, headers=one.headers
    )
