from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from events.avro import avro_schema
from events.codec import Codec
from events.order import OrderAccepted, OrderRejected, RejectionClass
from events.readers import bare, record_reader
from tests.order_builders import a_rejection, an_acceptance, an_intent
from tests.schemas.golden_bytes import OneSchema


def test_what_is_decoded_is_the_event_itself_frozen_and_hashable() -> None:
    codec = Codec(OneSchema(avro_schema(OrderAccepted)))
    written = an_acceptance(an_intent())

    read = codec.decode(codec.encode(written))

    assert read == written
    assert type(read) is OrderAccepted
    assert hash(read) == hash(written)
    with pytest.raises(FrozenInstanceError):
        read.client_order_id = "another"  # type: ignore[misc] # that is the point


def test_a_field_that_we_do_not_know_is_passed_over() -> None:
    schema = avro_schema(OrderAccepted)
    schema["fields"].append({"name": "venue", "type": ["null", "string"], "default": None})

    read = record_reader(OrderAccepted, schema)({**_record(), "venue": "XNYS"})

    assert read == an_acceptance(an_intent())


def test_a_type_that_is_defined_in_a_field_we_do_not_know_is_found_by_its_name() -> None:
    schema = avro_schema(OrderAccepted)
    envelope = schema["fields"][0]["type"]
    schema["fields"][0]["type"] = envelope["name"]
    schema["fields"].insert(0, {"name": "before", "type": envelope})

    read = record_reader(OrderAccepted, schema)({**_record(), "before": {}})

    assert read == an_acceptance(an_intent())


def test_a_field_that_the_writer_did_not_know_takes_its_default() -> None:
    schema = avro_schema(OrderAccepted)
    schema["fields"] = [one for one in schema["fields"] if one["name"] != "adopted"]
    record = _record()
    del record["adopted"]

    assert record_reader(OrderAccepted, schema)(record).adopted is False


def test_a_symbol_of_tomorrow_is_unknown() -> None:
    schema = avro_schema(OrderRejected)
    read = record_reader(OrderRejected, schema)
    rejection = a_rejection(an_intent())
    record = {
        **_record(),
        "status": 403,
        "code": None,
        "rejection_class": "PHASE_OF_THE_MOON",
        "message": rejection.message,
    }
    del record["broker_order_id"], record["adopted"]

    assert read(record).rejection_class is RejectionClass.UNKNOWN


def test_only_what_the_reader_converts_is_stripped_from_a_schema() -> None:
    ours = {"type": "long", "logicalType": "timestamp-micros"}
    foreign = {"type": "long", "logicalType": "time-micros"}
    schema = {"type": "array", "items": [ours, foreign]}

    assert bare(schema) == {"type": "array", "items": [{"type": "long"}, foreign]}
    assert schema["items"] == [ours, foreign]


def _record() -> dict[str, Any]:
    """Return what Avro reads of an `OrderAccepted` when it knows no logical types."""
    event = an_acceptance(an_intent())
    envelope = event.envelope
    return {
        "envelope": {
            "event_id": str(envelope.event_id),
            "account_name": envelope.account_name,
            "occurred_at": round(envelope.occurred_at.timestamp() * 1_000_000),
            "recommendation_id": envelope.recommendation_id,
            "leg": str(envelope.leg),
            "correlation_id": envelope.correlation_id,
            "causation_id": envelope.causation_id,
            "source": None,
            "dispatcher_run_id": str(envelope.dispatcher_run_id),
            "config_hash": envelope.config_hash,
            "build": envelope.build,
        },
        "client_order_id": event.client_order_id,
        "broker_order_id": event.broker_order_id,
        "adopted": event.adopted,
    }
