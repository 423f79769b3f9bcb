"""Avro's bytes to events, by a function that is written for the schema they have.

fastavro goes by the schema anew for each field of each record, makes dicts of it, and leaves to
others what a logical type means: four times as long for the same event, of which a log has
millions. Nothing is decided here: for whatever is damaged or out of the ordinary the function has
no answer, and fastavro, whose word it is, reads the bytes from their beginning.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias, get_args, get_origin

from events.avro import Json
from events.gates_text import MakeGatesReader
from events.quick import twin_of
from events.readers import (
    MOMENT_BYTES,
    Symbols,
    day,
    decimals,
    moment,
    moments,
    named_schemas,
    uuids,
)
from events.records import hints_of, unwrapped
from events.varint import ONE_BYTE_MAX, longer

CompiledReader: TypeAlias = Callable[[bytes, int], Any]
"""From bytes, and where Avro's begin in them, to an event; None where fastavro has to read them."""

_GATES: Final = "gates"
_NOBODY: Final = "_"
"""Where a value goes that no field of ours has asked for."""

_PLACES: Final = (0, 2)
"""The two types of a union, as Avro writes their places."""

_SIGNED: Final = "(n >> 1) ^ -(n & 1)"
"""What the number read last means, its zigzag undone."""

_INDENT_MAX: Final = 16
"""Python takes twenty loops, one within another: twice as deep as this can be."""

_BOOLEANS: Final = {0: False, 1: True}


class _UnusualError(Exception):
    """A schema that is left to fastavro."""


def compiled_reader(
    kind: type, schema: Json, gates: MakeGatesReader | None = None
) -> CompiledReader | None:
    """Return a function that reads a `kind` written by `schema`, as `record_reader` would.

    Its gates are read by `gates`, if that can be. It is None where the schema has something that
    no event of ours is made of.
    """
    try:
        return _Source(schema, gates).reader(kind)
    except _UnusualError:
        return None


class _Source:
    """A function's source, line by line, and what its names stand for.

    In it `data` is what is read, `at` where, `n` the number read last, `odd` all lengths so far: a
    negative one, which is odd in Avro's zigzag, shows in the end.
    """

    def __init__(self, schema: Json, gates: MakeGatesReader | None) -> None:
        self._schema = schema
        self._gates = gates
        self._schemas = named_schemas(schema)
        self._lines: list[str] = []
        self._known: dict[str, Any] = {"longer": longer, "new": object.__new__}
        self._open: set[str] = set()
        self._count = 0

    def reader(self, kind: type) -> CompiledReader:
        self._lines = ["def read(data, at):", " try:", "  odd = 0"]
        self._record(kind, self._schema, "made", "  ")
        self._lines += [
            " except Exception:",
            "  return None",
            " return None if odd & 1 or at != len(data) else made",
        ]
        exec("\n".join(self._lines), self._known)  # noqa: S102 -- names of our own fields, nothing from outside
        return self._known["read"]  # type: ignore[no-any-return] # just defined

    def _add(self, indent: str, *lines: str) -> None:
        self._lines += [indent + line for line in lines]

    def _new(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def _name(self, value: object) -> str:
        name = self._new("known")
        self._known[name] = value
        return name

    def _number(self, indent: str) -> None:
        self._add(
            indent,
            "n = data[at]",
            "at += 1",
            f"if n > {ONE_BYTE_MAX}: n, at = longer(data, at, n)",
        )

    def _bytes(self, value: str, target: str, indent: str) -> None:
        self._number(indent)
        self._add(
            indent,
            "odd |= n",
            "end = at + (n >> 1)",
            f"{target} = {value.format('data[at:end]')}",
            "at = end",
        )

    def _value(self, hint: object, node: Any, target: str, indent: str) -> None:  # noqa: ANN401 -- a schema
        """Write what reads a value into `target`; without a `hint` it is only passed over."""
        if len(indent) > _INDENT_MAX:
            raise _UnusualError
        hint, _ = unwrapped(hint)
        if isinstance(node, list):
            return self._optional(hint, node, target, indent)
        schema = self._schemas.get(node, {"type": node}) if isinstance(node, str) else node
        kind = schema["type"]
        if kind == "record":
            return self._record(hint, schema, target, indent)
        if kind == "array":
            return self._array(hint, schema["items"], target, indent)
        if kind == "enum":
            self._add(indent, f"{target} = {self._symbols(hint, schema)}[data[at]]", "at += 1")
            return None
        return self._plain((kind, schema.get("logicalType")), schema, target, indent)

    def _plain(self, kind: tuple[Any, Any], schema: Json, target: str, indent: str) -> None:
        match kind:
            case "string", None:
                self._bytes("{}.decode()", target, indent)
            case "string", "uuid":
                self._bytes(f"{self._name(uuids)}[{{}}]", target, indent)
            case "bytes", "decimal":
                unscaled = decimals(schema["precision"], schema.get("scale", 0))
                self._bytes(f"{self._name(unscaled)}[{{}}]", target, indent)
            case "long", "timestamp-micros":
                self._add(
                    indent,
                    f"{target} = {self._name(moments)}[data[at:at + {MOMENT_BYTES}]]",
                    f"if {target} is not None: at += {MOMENT_BYTES}",
                    "else:",
                )
                self._number(indent + " ")
                self._add(indent, f" {target} = {self._name(moment)}[{_SIGNED}]")
            case "int", "date":
                self._number(indent)
                self._add(indent, f"{target} = {self._name(day)}[{_SIGNED}]")
            case "int" | "long", None:
                self._number(indent)
                self._add(indent, f"{target} = {_SIGNED}")
            case "boolean", None:
                self._add(indent, f"{target} = {self._name(_BOOLEANS)}[data[at]]", "at += 1")
            case _:
                raise _UnusualError

    def _optional(self, hint: object, nodes: list[Any], target: str, indent: str) -> None:
        if len(nodes) != len(_PLACES) or "null" not in nodes:
            raise _UnusualError
        null = nodes.index("null")
        self._add(
            indent,
            "n = data[at]",
            "at += 1",
            f"if n == {_PLACES[null]}: {target} = None",
            f"elif n != {_PLACES[1 - null]}: raise ValueError",
            "else:",
        )
        self._value(hint, nodes[1 - null], target, indent + " ")

    def _array(self, hint: object, items: Any, target: str, indent: str) -> None:  # noqa: ANN401 -- a schema
        """Blocks of items. One that names its size has a negative count: it is left to fastavro."""
        if hint is not None and get_origin(hint) is not tuple:
            raise _UnusualError
        found, one = self._new("found"), self._new("one")
        self._add(indent, f"{found} = []", "while True:")
        self._number(indent + " ")
        self._add(
            indent + " ", "if not n: break", "if n & 1: raise ValueError", "for _ in range(n >> 1):"
        )
        self._value(next(iter(get_args(hint)), None), items, one, indent + "  ")
        self._add(indent + "  ", f"{found}.append({one})")
        self._add(indent, f"{target} = tuple({found})")

    def _symbols(self, hint: object, schema: Json) -> str:
        """Return the name of what symbols mean, by their places as Avro writes them."""
        members: Mapping[str, object]
        if hint is None:
            members = defaultdict(lambda: None)
        elif isinstance(hint, type) and issubclass(hint, StrEnum):
            members = Symbols(hint)
        else:
            raise _UnusualError
        symbols: list[str] = schema["symbols"][: (ONE_BYTE_MAX + 1) // 2]
        return self._name({2 * place: members[symbol] for place, symbol in enumerate(symbols)})

    def _record(self, hint: object, schema: Json, target: str, indent: str) -> None:
        name = schema["name"]
        if name in self._open:  # a record within itself has no end here
            raise _UnusualError
        self._open.add(name)
        if hint is None:
            for field in schema["fields"]:
                self._value(None, field["type"], _NOBODY, indent)
            self._add(indent, f"{target} = None")
        else:
            self._instance(hint, schema, target, indent)
        self._open.discard(name)

    def _instance(self, hint: object, schema: Json, target: str, indent: str) -> None:
        if not isinstance(hint, type) or not is_dataclass(hint) or hasattr(hint, "__post_init__"):
            raise _UnusualError
        made = self._new("made")
        self._add(indent, f"{made} = new({self._name(twin_of(hint))})")
        left = {one.name: one.default for one in fields(hint)}
        hints = dict(hints_of(hint))
        for field in schema["fields"]:
            name = field["name"]
            if left.pop(name, self) is self:
                self._value(None, field["type"], _NOBODY, indent)
            elif not self._read_gates(name, field["type"], f"{made}.{name}", indent):
                self._value(hints[name], field["type"], f"{made}.{name}", indent)
        if MISSING in left.values():
            raise _UnusualError
        for name, default in left.items():
            self._add(indent, f"{made}.{name} = {self._name(default)}")
        self._add(indent, f"{made}.__class__ = {self._name(hint)}", f"{target} = {made}")

    def _read_gates(self, name: str, node: Any, target: str, indent: str) -> bool:  # noqa: ANN401 -- a schema
        read = self._gates(node) if name == _GATES and self._gates is not None else None
        if read is not None:
            self._add(indent, f"{target}, at = {self._name(read)}(data, at)")
        return read is not None
