"""What an answer to an order's POST proves, and what not. Pure: facts in, one verdict out.

Alpaca's codes are coarse: two dozen refusals share 40310000, so the message decides the class of a
refusal, and only that. Whether the broker has the order never hangs on a message but once: the
duplicate id. What no rule knows is unknown, and so is a refusal that is not in Alpaca's own form:
somebody in between may speak JSON, too.
"""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from events.order import RejectionClass


class Breakage(StrEnum):
    """How a request ended that got no whole answer."""

    NEVER_CONNECTED = "never connected"
    BROKE_OFF = "broke off"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnswer:
    """All that came back from one POST of an order; `breakage` alone where nothing did.

    `is_our_order` says that the body is an order with the client order id that was sent,
    `code` and `message` are of Alpaca's error body, None and the raw text where it was none;
    `rate_limit_reset` is the header's UNIX time in seconds.
    """

    status: int | None = None
    code: int | None = None
    message: str = ""
    is_our_order: bool = False
    is_error_body: bool = False
    rate_limit_reset: int | None = None
    breakage: Breakage | None = None


class Outcome(StrEnum):
    """What the caller must do about it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DUPLICATE = "duplicate id"
    NOT_ACCEPTED = "not accepted, proven"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome, and for a refusal by what kind of reason."""

    outcome: Outcome
    rejection_class: RejectionClass = RejectionClass.UNKNOWN


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of refusal, told by words of its message: all of `words`, in lower case."""

    words: tuple[str, ...]
    rejection_class: RejectionClass


DUPLICATE_ID: Final = "client_order_id must be unique"

REFUSALS: Final = (
    Refusal(("insufficient", "buying power"), RejectionClass.BUYING_POWER),
    Refusal(("cost basis must be",), RejectionClass.BUYING_POWER),
    Refusal(("insufficient qty available",), RejectionClass.QUANTITY_HELD),
    Refusal(("not fractionable",), RejectionClass.NOT_FRACTIONABLE),
    Refusal(("fractional orders must be",), RejectionClass.NOT_FRACTIONABLE),
    Refusal(("wash trade",), RejectionClass.WASH_TRADE),
    Refusal(("cannot open a", "order is open"), RejectionClass.WASH_TRADE),
    Refusal(("pattern day trading",), RejectionClass.PATTERN_DAY_TRADING),
    Refusal(("not authorized to trade options",), RejectionClass.OPTIONS_LEVEL),
    Refusal(("not eligible to trade", "option"), RejectionClass.OPTIONS_LEVEL),
    Refusal(("expires soon",), RejectionClass.EXPIRY),
    Refusal(("contracts expiring today",), RejectionClass.EXPIRY),
    Refusal(("only allowed during market hours",), RejectionClass.MARKET_CLOSED),
    Refusal(("market is closed",), RejectionClass.MARKET_CLOSED),
    Refusal(("not tradable",), RejectionClass.NOT_TRADABLE),
    Refusal(("not active",), RejectionClass.NOT_TRADABLE),
    Refusal(("asset", "not found"), RejectionClass.NOT_TRADABLE),
    Refusal(("contract", "not found"), RejectionClass.NOT_TRADABLE),
    Refusal(("orders not allowed for account",), RejectionClass.CREDENTIALS),
    Refusal(("trading is blocked",), RejectionClass.CREDENTIALS),
    Refusal(("trading is suspended",), RejectionClass.CREDENTIALS),
    Refusal(("account is not allowed to trade",), RejectionClass.CREDENTIALS),
    Refusal(("account is not authorized",), RejectionClass.CREDENTIALS),
    Refusal(("forbidden",), RejectionClass.CREDENTIALS),
    Refusal(("unauthorized",), RejectionClass.CREDENTIALS),
)
"""Asked in this order; what none of them names is VALIDATION under 422, else OTHER."""

REFUSING: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Statuses under which Alpaca's own error body says that there is no order."""

KEY_FORBIDDEN: Final = "forbidden."
"""All that Alpaca says, under 403 and without a code, to a key that belongs elsewhere."""

NO_SUCH_THING: Final = 40410000
NO_SUCH_PATH: Final = "endpoint not found"
"""Said with the same code, by an API that is being replaced, of paths that exist."""


def is_alpacas(status: int | None, code: int | None, message: str) -> bool:
    """Whether an error body with this `message` has Alpaca's own form: its errors carry a code.

    The two that do not are about the key.
    """
    if code is not None:
        return True
    return status == HTTPStatus.UNAUTHORIZED or refuses_key(status, code, message)


def refuses_key(status: int | None, code: int | None, message: str) -> bool:
    """Whether an error body says that our key is not known."""
    if status == HTTPStatus.UNAUTHORIZED:
        return True
    return status == HTTPStatus.FORBIDDEN and code is None and message.lower() == KEY_FORBIDDEN


def refuses_question(status: int | None) -> bool:
    """Whether a status, with words of the broker's own, says no to this very question for good."""
    return status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )


def says_absent(status: int | None, code: int | None, message: str) -> bool:
    """Whether the answer to a question says that there is no such thing."""
    absent = status == HTTPStatus.NOT_FOUND and code == NO_SUCH_THING
    return absent and NO_SUCH_PATH not in message.lower()


def classify(answer: PostAnswer) -> Verdict:
    """Return what `answer` proves of the order that was POSTed."""
    if answer.breakage is Breakage.NEVER_CONNECTED:
        return Verdict(outcome=Outcome.NOT_ACCEPTED)
    if answer.breakage is not None or answer.status is None:
        return Verdict(outcome=Outcome.UNKNOWN)
    if HTTPStatus(200) <= answer.status < HTTPStatus(300):
        whole = Outcome.ACCEPTED if answer.is_our_order else Outcome.UNKNOWN
        return Verdict(outcome=whole)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        # Without its header somebody in between may have said so, after passing the order on.
        ours = answer.rate_limit_reset is not None
        return Verdict(outcome=Outcome.NOT_ACCEPTED if ours else Outcome.UNKNOWN)
    if answer.status in REFUSING and _is_refusal(answer):
        return _refused(answer)
    return Verdict(outcome=Outcome.UNKNOWN)


def _is_refusal(answer: PostAnswer) -> bool:
    own = answer.is_error_body and is_alpacas(answer.status, answer.code, answer.message)
    return own and NO_SUCH_PATH not in answer.message.lower()


def _refused(answer: PostAnswer) -> Verdict:
    said = answer.message.lower()
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and DUPLICATE_ID in said:
        return Verdict(outcome=Outcome.DUPLICATE)
    for refusal in REFUSALS:
        if all(words in said for words in refusal.words):
            return Verdict(outcome=Outcome.REFUSED, rejection_class=refusal.rejection_class)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        otherwise = RejectionClass.CREDENTIALS
    elif answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        otherwise = RejectionClass.VALIDATION
    else:
        otherwise = RejectionClass.OTHER
    return Verdict(outcome=Outcome.REFUSED, rejection_class=otherwise)
