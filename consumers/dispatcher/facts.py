"""What the broker said of an order, or did not say: each answer is one of these facts.

What follows from a fact is another question: see `consumers.dispatcher.outcomes`.
"""

from dataclasses import dataclass
from typing import TypeAlias

from brokers.broker import OrderReport
from brokers.errors import OrderRefused
from events.identifiers import ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The broker showed the order: in answer to our POST, or (`looked_up`) to a question."""

    order: ClientOrderId
    report: OrderReport
    looked_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WasRefused:
    """The broker does not want the order."""

    order: ClientOrderId
    refusal: OrderRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class IsUnclear:
    """The POST broke off in a way that proves nothing."""

    order: ClientOrderId
    attempt: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverSent:
    """Proven: the broker does not have the order. `attempt` names the POST that proved it.

    `withheld` says that trading was held when it was to be sent: it will not be sent again.
    """

    order: ClientOrderId
    why: str
    attempt: int | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRefused:
    """A look-up met a broker that does not know our key: of the order it tells nothing."""

    order: ClientOrderId
    why: str


Fact: TypeAlias = Reported | WasRefused | IsUnclear | NeverSent | KeyRefused
