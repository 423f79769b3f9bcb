"""A record of `dispatch.dead-letters`: bytes that somebody refused, as they were."""

from dataclasses import dataclass
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""A record's headers in their order; a name may come twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What was refused; its headers (``dlq.…``) say by whom, where and why."""

    key: bytes | None
    value: bytes | None
    headers: Headers
