import copy
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from uuid import uuid4

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.errors import ConfigurationError, DifferenceFound, ServiceUnreachable
from consumers.registry import (
    COMPATIBILITY,
    Registered,
    RegistrySchemaSource,
    check_schemas,
    register,
    register_schema,
    schema_findings,
    subject_of,
)
from events.avro import Json, avro_schema
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec, Undecodable
from events.order import OrderFilled, OrderRejected
from schemas import fingerprint
from tests.schemas.examples import arbitrary, example
from tests.schemas.proxy import proxied
from tests.services import Services

EACH = pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTeleported:
    """No event of ours, and registered nowhere."""

    to: str


@EACH
@given(data=st.data())
@settings(max_examples=20)
def test_every_event_survives_the_wire(
    codec: Codec, kind: type[AnyEvent], data: st.DataObject
) -> None:
    event = data.draw(arbitrary(kind))

    assert codec.decode(codec.encode(event)) == event


def test_every_id_leads_to_the_schema_of_this_build(services: Services) -> None:
    source = RegistrySchemaSource(services.registry_url)

    check_schemas(source)

    for kind in EVENTS:
        schema = source.schema_of(source.id_of(kind))
        assert schema is not None
        assert fingerprint(schema) == fingerprint(avro_schema(kind))


def test_registering_again_changes_nothing(services: Services) -> None:
    first, second = register(services.registry_url), register(services.registry_url)

    assert [one.subject for one in first] == [subject_of(kind) for kind in EVENTS]
    assert first == second
    assert not any(one.new for one in second)


def test_who_registers_at_the_same_time_is_told_the_same_version(services: Services) -> None:
    at_once = 6
    start = Barrier(at_once)

    def register_here(subject: str) -> Registered:
        start.wait()
        return register_schema(services.registry_url, subject, avro_schema(OrderTeleported))

    for _ in range(10):
        subject = f"tests.{uuid4().hex}.OrderTeleported"
        with ThreadPoolExecutor(at_once) as together:
            found = list(together.map(register_here, [subject] * at_once))

        assert {(one.subject, one.schema_id, one.version) for one in found} == {
            (subject, found[0].schema_id, 1)
        }
        with SchemaRegistryClient({"url": services.registry_url, "timeout": 5}) as client:
            assert client.get_compatibility(subject) == COMPATIBILITY
            assert client.get_versions(subject) == [1]


@EACH
def test_every_subject_takes_only_what_all_its_versions_agree_with(
    services: Services, kind: type[AnyEvent]
) -> None:
    with SchemaRegistryClient({"url": services.registry_url, "timeout": 5}) as client:
        assert client.get_compatibility(subject_of(kind)) == COMPATIBILITY


def _without_fees(schema: Json) -> None:
    schema["fields"] = [one for one in schema["fields"] if one["name"] != "fees"]


def _with_a_required_field(schema: Json) -> None:
    schema["fields"].append({"name": "venue", "type": "string"})


def _with_text_for_a_number(schema: Json) -> None:
    next(one for one in schema["fields"] if one["name"] == "multiplier")["type"] = "string"


@pytest.mark.parametrize("change", [_without_fees, _with_a_required_field, _with_text_for_a_number])
def test_an_incompatible_change_is_refused_by_its_subject(
    services: Services, change: Callable[[Json], None]
) -> None:
    subject = f"test.{uuid4()}"
    schema = avro_schema(OrderFilled)
    register_schema(services.registry_url, subject, schema)
    changed = copy.deepcopy(schema)
    change(changed)

    with pytest.raises(DifferenceFound, match=subject):
        register_schema(services.registry_url, subject, changed)


def test_a_new_field_with_a_default_is_a_new_version(services: Services) -> None:
    subject = f"test.{uuid4()}"
    schema = avro_schema(OrderFilled)
    first = register_schema(services.registry_url, subject, schema)
    schema["fields"].append({"name": "venue", "type": "string", "default": ""})

    second = register_schema(services.registry_url, subject, schema)

    assert (first.version, first.new) == (1, True)
    assert (second.version, second.new) == (2, True)


def test_a_new_class_of_refusal_is_a_new_version_that_old_builds_agree_with(
    services: Services,
) -> None:
    subject = f"test.{uuid4()}"
    before = avro_schema(OrderRejected)
    classes = next(one for one in before["fields"] if one["name"] == "rejection_class")["type"]
    classes["symbols"].remove("PATTERN_DAY_TRADING")
    register_schema(services.registry_url, subject, before)

    second = register_schema(services.registry_url, subject, avro_schema(OrderRejected))

    assert (second.version, second.new) == (2, True)


def test_an_unregistered_schema_is_looked_for_and_never_made(services: Services) -> None:
    source = RegistrySchemaSource(services.registry_url)
    stranger: list[type[AnyEvent]] = [OrderTeleported]  # type: ignore[list-item]  # that is the point

    with pytest.raises(ConfigurationError, match="dispatcher schemas register"):
        check_schemas(source, stranger)

    [finding] = schema_findings(source, stranger)
    assert "OrderTeleported" in finding


def test_an_unknown_id_has_no_schema_and_its_bytes_are_undecodable(services: Services) -> None:
    source = RegistrySchemaSource(services.registry_url)

    assert source.schema_of(2**31 - 1) is None
    with pytest.raises(Undecodable, match="2147483647"):
        Codec(source).decode(b"\x00\x7f\xff\xff\xff body")


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ('"string"', "AVRO"),
        ('["null", "string"]', "AVRO"),
        ('{"type": "array", "items": "int"}', "AVRO"),
        ('syntax = "proto3"; message Stray { string text = 1; }', "PROTOBUF"),
        (
            '{"type":"record","namespace":"dispatcher.events","name":"OrderFilled","fields":[]}',
            "AVRO",
        ),
    ],
    ids=["a text", "a union", "a list", "Protobuf", "our name alone"],
)
def test_a_record_of_somebody_elses_schema_is_no_event_and_ends_no_process(
    services: Services, schema: str, kind: str
) -> None:
    with SchemaRegistryClient({"url": services.registry_url}) as client:
        schema_id = client.register_schema(f"stranger-{uuid4().hex}", Schema(schema, kind))
    codec = Codec(RegistrySchemaSource(services.registry_url))

    with pytest.raises(Undecodable):
        codec.decode(b"\x00" + schema_id.to_bytes(4, "big") + b"\x06abc")


def test_what_was_looked_up_once_is_decoded_while_the_registry_is_away(services: Services) -> None:
    with proxied(services.registry_url) as (proxy, url):
        source = RegistrySchemaSource(url)
        check_schemas(source)
        proxy.cut()
        codec = Codec(source)

        for kind in EVENTS:
            assert codec.decode(codec.encode(example(kind))) == example(kind)
        with pytest.raises(ServiceUnreachable, match="cannot be reached"):
            source.schema_of(2**31 - 1)


def test_a_registry_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = RegistrySchemaSource(f"http://127.0.0.1:{silent.getsockname()[1]}")
        before = time.monotonic()

        with pytest.raises(ServiceUnreachable):
            source.id_of(OrderFilled)

        assert time.monotonic() - before < 9


def test_a_wrong_path_is_no_missing_schema(services: Services) -> None:
    source = RegistrySchemaSource(services.registry_url.replace("/apis/", "/wrong/"))

    with pytest.raises(ServiceUnreachable, match=r"registry\.url"):
        source.id_of(OrderFilled)


def test_a_password_in_the_url_is_not_repeated() -> None:
    source = RegistrySchemaSource("http://somebody:hush@127.0.0.1:9")

    with pytest.raises(ServiceUnreachable) as raised:
        source.id_of(OrderFilled)

    assert "hush" not in str(raised.value)
