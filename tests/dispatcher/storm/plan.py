"""What goes wrong in one run, drawn from its seed: faults of the broker, deaths of dispatchers."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tests.dispatcher.storm.lives import Death, Window

TOO_MANY: Final = '{"message":"too many requests."}'
LOOK_UP: Final = "/v2/orders:by_client_order_id"
POST_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "hang": {"answer": "hang"},
    "reset": {"answer": "reset"},
    "close": {"answer": "close"},
    "cut": {"answer": "cut"},
    "empty 200": {"answer": "empty"},
    "HTML 200": {"answer": "html"},
    "another order's 200": {"answer": "body", "body": '{"id": "of another order"}'},
    "429 without reset": {
        "answer": "body",
        "status": 429,
        "body": TOO_MANY,
        "rate_limit_headers": False,
    },
    "500": {"answer": "html", "status": 500},
    "502": {"answer": "html", "status": 502},
    "503": {"answer": "html", "status": 503},
    "504": {"answer": "empty", "status": 504},
    "slow": {"answer": "usual", "delay_ms": 250},
    "too slow": {"answer": "usual", "delay_ms": 1_500},
}
"""Each comes with and without the order having been accepted, but for the last two."""

PROVEN: Final[dict[str, Any]] = {"answer": "body", "status": 429, "body": TOO_MANY}
GET_FAULTS: Final = ("hang", "reset", "cut", "empty 200", "HTML 200", "503", "504", "slow")
GET_PATHS: Final = (
    "/v2/account",
    "/v2/orders",
    "/v2/positions",
    "/v2/account/activities",
    "/v2/options/contracts/.*",
    "/v2/stocks/.*",
    "/v1beta1/.*",
)


_TRANSACTIONS: Final = {Window.BEFORE_A_COMMIT, Window.IN_A_TRANSACTION, Window.AFTER_A_COMMIT}


class End(StrEnum):
    """How a life ends that does not die in a window."""

    TOLD = "told to stop"
    FROZEN = "frozen, thawed after its successor sat down"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One fault: its kind by name, and what the fake is told."""

    kind: str
    what: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """An order that nobody finds for so long: the broker's books lag, but within its answer time.

    What is found later than that is no storm but a broker that lies: `test_paper_faults` has it.
    """

    client_order_id: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One account's run: lives that end, then one that goes on until all is settled."""

    lives: tuple[Death | End, ...]
    faults: tuple[PlannedFault, ...]
    hidings: tuple[Hiding, ...]


def plan(chance: random.Random, account: str, number: str, recommendations: range) -> Plan:
    """Draw a run of `account`, which the broker knows by `number`."""
    faults, hidings = list[PlannedFault](), list[Hiding]()
    for recommendation in recommendations:
        named = f"{account}-{recommendation}-entry"
        faults += _at_posts(chance, named)
        if chance.random() < 0.3:
            faults.append(_look_up_fault(chance, named))
        if chance.random() < 0.25:
            hidings.append(Hiding(client_order_id=named, seconds=chance.uniform(0.05, 0.4)))
    faults += [_get_fault(chance, number) for _ in range(chance.randint(0, 3))]
    lives = tuple(_end(chance) for _ in range(chance.choice((1, 1, 1, 2))))
    return Plan(lives=lives, faults=tuple(faults), hidings=tuple(hidings))


def _at_posts(chance: random.Random, named: str) -> Iterator[PlannedFault]:
    """Faults of the first attempts to send one order: the second hits the second, and so on."""
    for _ in range(chance.choice((0, 1, 1, 2))):
        if chance.random() < 0.1:
            yield PlannedFault(kind="POST 429 with reset", what=PROVEN | {"client_order_id": named})
            continue
        kind = chance.choice(list(POST_FAULTS))
        fault, accepts = POST_FAULTS[kind], chance.random() < 0.5
        if fault["answer"] == "usual":
            yield PlannedFault(kind=f"POST {kind}", what=fault | {"client_order_id": named})
            continue
        done = "accepted, " if accepts else "not accepted, "
        what = fault | {"accepts": accepts, "client_order_id": named}
        yield PlannedFault(kind=f"POST {done}{kind}", what=what)


def _look_up_fault(chance: random.Random, named: str) -> PlannedFault:
    kind, times = chance.choice(GET_FAULTS), chance.randint(1, 3)
    asked = {"method": "GET", "path": LOOK_UP, "client_order_id": named, "times": times}
    return PlannedFault(kind=f"look-up {kind}", what=POST_FAULTS[kind] | asked)


def _get_fault(chance: random.Random, number: str) -> PlannedFault:
    kind, path = chance.choice(GET_FAULTS), chance.choice(GET_PATHS)
    asked = {"method": "GET", "path": path, "account": number, "skip": chance.randint(0, 2)}
    return PlannedFault(kind=f"GET {kind}", what=POST_FAULTS[kind] | asked)


def _end(chance: random.Random) -> Death | End:
    drawn = chance.random()
    if drawn < 0.08:
        return End.FROZEN
    if drawn < 0.15:
        return End.TOLD
    window = chance.choice(list(Window))
    if window is Window.AT_SOME_TIME:
        return Death(window=window, after_s=chance.uniform(0.5, 4.0))
    if window is Window.DURING_A_POST:
        return Death(window=window, nth=chance.randint(1, 4), after_s=chance.uniform(0.001, 0.2))
    return Death(window=window, nth=chance.randint(1, 6 if window in _TRANSACTIONS else 4))
