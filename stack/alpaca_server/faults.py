"""Faults on demand: what goes wrong, at which request, before or after the order was accepted."""

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from stack.alpaca_server.errors import Refusal
from stack.alpaca_server.values import SECOND

Answer = Literal["hang", "reset", "close", "cut", "empty", "html", "body", "usual"]
"""How a request is answered, see `Fault`."""

Manner = Literal["usual", "doubled", "held", "lost"]
"""How updates travel: once, twice, not before they are released, never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong at the requests that fit `method`, `path`, `account`, `client_order_id`.

    `path` is a regular expression for the whole path. The first `skip` fitting requests are left
    alone, the next `times` are hit (None: all). `accepts` says whether the request takes effect
    first. Then comes the answer, after `delay_ms`:

    - `hang`: none, until `AlpacaControl.release` or the client goes away
    - `reset`: none, the connection is reset (RST); `close`: none, it is closed in order (FIN)
    - `cut`: the headers and the first half of the body, then the connection is closed
    - `empty`, `html`, `body`: `status` with no body, a page of HTML, or the text in `body`
    - `usual`: what it would have been, only later

    `headers` are added; `rate_limit_headers` leaves the usual ones out if false. The receipt calls
    it by its `label`.
    """

    answer: Answer
    accepts: bool = False
    status: int = 200
    body: str = ""
    method: str = "POST"
    path: str = "/v2/orders"
    account: str | None = None
    client_order_id: str | None = None
    skip: int = 0
    times: int | None = 1
    delay_ms: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    rate_limit_headers: bool = True
    label: str = ""

    def fits(self, method: str, path: str, account: str | None, client_order_id: str) -> bool:
        """Tell whether a request is one that this fault waits for."""
        return (
            self.method in {method, "*"}
            and re.fullmatch(self.path, path) is not None
            and self.account in {None, account}
            and self.client_order_id in {None, client_order_id}
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as the control plane takes it."""
        return asdict(self)


class Faults:
    """The faults that are still to come; the oldest that fits is taken."""

    def __init__(self) -> None:
        self._planned: list[tuple[Fault, int, int]] = []  # fault, seen, hit

    def plan(self, given: dict[str, Any]) -> None:
        """Add a fault. Raises Refusal (400) when it makes no sense."""
        unknown = set(given) - {each.name for each in fields(Fault)}
        if unknown or "answer" not in given:
            raise Refusal(400, None, f"no such fault: {sorted(unknown) or 'no answer'}")
        self._planned.append((Fault(**given), 0, 0))

    def clear(self) -> None:
        """Forget all faults."""
        self._planned.clear()

    def pending(self) -> int:
        """Return how many faults with a number of times have not yet happened that often."""
        return sum(fault.times is not None and hit < fault.times for fault, _, hit in self._planned)

    def take(
        self, method: str, path: str, account: str | None, client_order_id: str
    ) -> Fault | None:
        """Return what goes wrong with a request, None when nothing does."""
        for index, (fault, seen, hit) in enumerate(self._planned):
            if not fault.fits(method, path, account, client_order_id):
                continue
            due = seen >= fault.skip and (fault.times is None or hit < fault.times)
            self._planned[index] = (fault, seen + 1, hit + due)
            if due:
                return fault
        return None


class Hidden:
    """Orders that exist but cannot be found yet: the look-ups of a store that lags."""

    def __init__(self) -> None:
        self._rules: list[tuple[str | None, int | None, float | None]] = []

    def hide(
        self, client_order_id: str | None, *, lookups: int | None, seconds: float | None
    ) -> None:
        """Hide an order (None: each) for a number of look-ups, or of seconds of its life."""
        self._rules.append((client_order_id, lookups, seconds))

    def clear(self) -> None:
        """Let everything be found."""
        self._rules.clear()

    def hides(self, client_order_id: str, age: int, *, counts: bool = True) -> bool:
        """Tell whether an order of an age (ns) is hidden; `counts` uses up one of the look-ups."""
        for index, (named, lookups, seconds) in enumerate(self._rules):
            if named not in {None, client_order_id}:
                continue
            if lookups is not None and lookups > 0:
                if counts:
                    self._rules[index] = (named, lookups - 1, seconds)
                return True
            if seconds is not None and age < seconds * SECOND:
                return True
        return False
