"""Change a few fields of a large immutable record, on the way that every event takes."""

from typing import TYPE_CHECKING, TypeVar

__all__ = ["changed"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace as changed  # so that names and types of fields are checked
else:

    def changed(record: T, /, **changes: object) -> T:
        """Return `record` with `changes`, as `dataclasses.replace` does; it must have no slots.

        `replace` calls `__init__`, which for 35 fields takes 13 microseconds; copying the fields
        at once takes one.
        """
        copy = object.__new__(type(record))
        copy.__dict__.update(record.__dict__)
        copy.__dict__.update(changes)
        return copy
