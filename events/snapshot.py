"""A folded account, kept so that its next fold need not start at the beginning."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """An account's state after every event before `log_offset`: disposable, never the truth.

    `opened_event_id` names the log it was folded from, `evolve_code` the code that folded it;
    `state` is canonical JSON and `checksum` its SHA-256 in hex.
    """

    account_name: str
    opened_event_id: UUID
    log_offset: int
    evolve_code: str
    state: str
    checksum: str
