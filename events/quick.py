"""Frozen dataclasses made in a fifth of the time, where every decision makes dozens of them."""

from collections.abc import Callable
from dataclasses import MISSING, fields, make_dataclass
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


def quick(kind: type[T]) -> type[T]:
    """Return what makes instances of `kind` by the same keywords, and of `kind` exactly.

    To a type checker it is `kind` itself, so that each keyword is checked as ever; it can only be
    called. A `kind` with rules of its own (``__post_init__``) is made as ever, rules and all.
    """
    if hasattr(kind, "__post_init__"):
        return kind
    return cast("type[T]", _maker(kind, {}, by_place=False))


def by_place(kind: type[T], **fixed: object) -> Callable[..., T]:
    """Return what makes instances of `kind` of values in the order of its fields, but for `fixed`.

    Keywords cost as much as the rest of it, which shows where dozens are made for a decision. The
    fields must have no defaults, `kind` no rules of its own.
    """
    return cast("Callable[..., T]", _maker(kind, fixed, by_place=True))


@cache
def twin_of(kind: type) -> type:
    """Return a class with the fields of `kind`, not frozen, whose instances can become a `kind`.

    Nobody sees them before: they are filled where they are made, then their ``__class__`` is set.
    """
    return make_dataclass(kind.__name__, [(one.name, Any) for one in fields(kind)], slots=True)


def _maker(kind: type, fixed: dict[str, object], *, by_place: bool) -> object:
    """Return a function that fills a twin of `kind` which is not frozen, and makes it a `kind`.

    Its source is written here, as `dataclasses` writes an ``__init__``: a call that passes its
    keywords on, or goes by way of a class, takes twice as long.
    """
    names = [one.name for one in fields(kind)]
    known = {f"__{one.name}": fixed.get(one.name, one.default) for one in fields(kind)}
    asked = [
        name if known[f"__{name}"] is MISSING else f"{name}=__{name}"
        for name in names
        if name not in fixed
    ]
    source = [
        f"def make({'' if by_place else '*, '}{', '.join(asked)}):",
        " made = __new__(__twin__)",
        *(f" made.{name} = {f'__{name}' if name in fixed else name}" for name in names),
        " made.__class__ = __kind__",
        " return made",
    ]
    known |= {"__new__": object.__new__, "__twin__": twin_of(kind), "__kind__": kind}
    exec("\n".join(source), known)  # noqa: S102 -- names of our own fields, nothing from outside
    return known["make"]
