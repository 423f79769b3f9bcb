"""Identifiers, each a type of its own, and the pure functions that derive them.

Nothing here is random: a crash, a retry or a replay derives the same identifier again, which is
what makes "the first wins" a rule that can be kept.
"""

import re
from enum import StrEnum
from hashlib import sha1, sha256
from typing import Final, NewType
from uuid import UUID

AccountName = NewType("AccountName", str)
RecommendationId = NewType("RecommendationId", int)
ClientOrderId = NewType("ClientOrderId", str)
BrokerOrderId = NewType("BrokerOrderId", str)

ACCOUNT_NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
CLIENT_ORDER_ID_LENGTH_MAX: Final = 48
RECOMMENDATION_ID_MAX: Final = 2**63 - 1
EVENT_NAMESPACE: Final = UUID("6f0c5c1e-6f0b-5b62-9d6e-7a1c4b1f2d90")
"""The fixed namespace of every event id: with another one, every past event is a stranger."""

_HASHED_NAMESPACE: Final = sha1(EVENT_NAMESPACE.bytes, usedforsecurity=False)
_FREE_BITS: Final = (1 << 128) - 1 & ~(0xF000 << 64) & ~(0xC000 << 48)
_VERSION_5: Final = 0x5000 << 64 | 0x8000 << 48


class Leg(StrEnum):
    """Which part of a recommendation an order is."""

    UNKNOWN = "UNKNOWN"
    ENTRY = "ENTRY"
    STOP = "STOP"
    TARGET = "TARGET"


def account_name(text: str) -> AccountName:
    """Return `text` as an account name.

    Raises:
        ValueError: It does not match ``[a-z0-9][a-z0-9-]{0,49}``.
    """
    if not ACCOUNT_NAME_PATTERN.fullmatch(text):
        message = (
            f"account name {text!r} is not valid: use 1 to 50 of a-z, 0-9 and '-', "
            "starting with a letter or digit"
        )
        raise ValueError(message)
    return AccountName(text)


def client_order_id(
    account: AccountName, recommendation: RecommendationId, leg: Leg
) -> ClientOrderId:
    """Derive the broker's idempotency key: at most 48 characters, one per (account, id, leg).

    Short names stay readable; longer ones are hashed and start with ``_``, which no account does.
    """
    plain = f"{account}-{recommendation}-{leg.lower()}"
    if len(plain) <= CLIENT_ORDER_ID_LENGTH_MAX:
        return ClientOrderId(plain)
    return ClientOrderId("_" + sha256(plain.encode()).hexdigest()[: CLIENT_ORDER_ID_LENGTH_MAX - 1])


def event_id(account: str, subject: str, leg: Leg | None, role: str) -> UUID:
    """Derive an event's id: UUIDv5 of ``account | subject | leg | role`` in our namespace.

    Args:
        account: The account, or the projection, whose log the event belongs to.
        subject: The recommendation, command, activity or run it is about, prefixed by its kind.
        leg: The leg of the recommendation, None where the event is not about an order.
        role: One of the closed list in `events.roles`.
    """
    hashed = _HASHED_NAMESPACE.copy()  # `uuid.uuid5` takes twice as long for the same
    hashed.update(f"{account}|{subject}|{leg or ''}|{role}".encode())
    return UUID(int=int.from_bytes(hashed.digest()[:16], "big") & _FREE_BITS | _VERSION_5)
