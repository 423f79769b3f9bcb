"""An operator's wish, in `dispatch.commands.<account>`: answered by events of the log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class CommandKind(StrEnum):
    """What is wished for. CANCEL_OPEN halts, and cancels every order that is open."""

    UNKNOWN = "UNKNOWN"
    HALT = "HALT"
    REDUCE = "REDUCE"
    RESUME = "RESUME"
    CANCEL_OPEN = "CANCEL_OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandIssued:
    """Somebody wants the account halted, reduced, resumed, or its open orders cancelled.

    `command_id` makes it one wish however often it is read; from `expires_at` on it is refused.
    """

    command_id: UUID
    account_name: str
    kind: CommandKind
    by: str
    reason: str
    issued_at: datetime
    expires_at: datetime
