"""Frozen dataclasses made in a third of the time, where every decision makes dozens of them."""

from collections.abc import Callable
from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")


def mutable_twin(kind: type) -> type[Any]:
    """Return a class laid out as `kind` that is not frozen: to fill one takes a third of the time.

    Nobody sees an instance of it: what it holds becomes a `kind` before it is handed on.
    """
    if hasattr(kind, "__post_init__"):
        return kind
    return make_dataclass(
        kind.__name__,
        [
            (one.name, Any, field() if one.default is MISSING else field(default=one.default))
            for one in fields(kind)
        ],
        slots=True,
        kw_only=True,
    )


def quick(kind: type[T]) -> type[T]:
    """Return what makes instances of `kind` by the same keywords, and of `kind` exactly.

    To a type checker it is `kind` itself, so that each keyword is checked as ever; it can only be
    called. A `kind` with rules of its own (``__post_init__``) is made as ever, rules and all.
    """
    twin = mutable_twin(kind)

    def make(**values: Any) -> Any:  # noqa: ANN401 -- `kind` is only known at run time
        instance = twin(**values)
        instance.__class__ = kind
        return instance

    return cast("type[T]", cast("Callable[..., Any]", make))
