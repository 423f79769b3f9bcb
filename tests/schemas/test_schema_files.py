from pathlib import Path

import pytest

from events.avro import avro_schema
from events.catalog import EVENTS, AnyEvent
from schemas import canonical, fingerprint, generate, load
from tests.schemas.examples import example


def test_the_committed_schemas_are_what_the_event_types_say() -> None:
    assert generate.drift() == []


def test_a_changed_missing_or_foreign_file_is_drift(tmp_path: Path) -> None:
    generate.write(tmp_path)
    (tmp_path / "OrderFilled.avsc").write_text("{}")
    (tmp_path / "OrderResent.avsc").unlink()
    (tmp_path / "OrderTeleported.avsc").write_text("{}")

    assert generate.drift(tmp_path) == [
        "OrderResent.avsc is missing",
        "OrderTeleported.avsc belongs to no event type",
        "OrderFilled.avsc differs from its event type",
    ]


def test_writing_mends_all_drift(tmp_path: Path) -> None:
    (tmp_path / "OrderTeleported.avsc").write_text("{}")

    generate.write(tmp_path)

    assert generate.drift(tmp_path) == []


def test_a_wrong_argument_is_a_usage_error() -> None:
    assert generate.main(["--chekc"]) == 2


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_a_committed_schema_has_the_fingerprint_of_its_event_type(kind: type[AnyEvent]) -> None:
    assert fingerprint(load(kind.__name__)) == fingerprint(avro_schema(kind))


def test_a_fingerprint_knows_neither_key_order_nor_repeated_namespaces() -> None:
    inner = {"type": "record", "name": "B", "namespace": "a", "fields": []}
    outer = {
        "type": "record",
        "name": "A",
        "namespace": "a",
        "fields": [{"name": "b", "type": inner}],
    }
    bare = {"fields": [], "name": "B", "type": "record"}
    same = {**outer, "fields": [{"type": bare, "name": "b"}]}

    assert fingerprint(outer) == fingerprint(same)
    assert canonical(outer) == canonical(same)


def test_a_fingerprint_tells_a_changed_scale() -> None:
    schema = load("OrderFilled")
    price = next(one for one in schema["fields"] if one["name"] == "price")
    before = fingerprint(schema)
    price["type"]["scale"] = 9

    assert fingerprint(schema) != before


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_the_fixed_example_leaves_nothing_out(kind: type[AnyEvent]) -> None:
    assert "None" not in repr(example(kind))
