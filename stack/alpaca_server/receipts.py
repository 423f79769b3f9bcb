"""What was asked of the fake, in order, and how it answered: what a test counts."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Receipt:
    """One request. `outcome` is what became of it in the ledger, `answer` what went back.

    Outcomes: `unseen` (never looked at), `accepted`, `refused`, `done`. Answers: an HTTP status as
    text, or how the connection was treated instead (`hang`, `reset`, `close`, `cut`, …). `fault` is
    the name of the planned fault that hit it, if it has one.
    """

    number: int
    received_at: int
    method: str
    path: str
    query: str
    account: str | None
    client_order_id: str
    body: str
    outcome: str = "unseen"
    order_id: str | None = None
    status: int | None = None
    answer: str | None = None
    fault: str = ""


class Receipts:
    """Every request to Alpaca's own paths, the control plane's not among them."""

    def __init__(self) -> None:
        self._all: list[Receipt] = []

    def open(self, **what: Any) -> Receipt:  # noqa: ANN401 -- the fields of Receipt
        """Write a request down before anything is done about it."""
        receipt = Receipt(number=len(self._all) + 1, **what)
        self._all.append(receipt)
        return receipt

    def restore(self, receipt: dict[str, Any]) -> None:
        """Take up a request from before a restart, in the place of what is known of it."""
        found = Receipt(**receipt)
        self._all[found.number - 1 :] = [found, *self._all[found.number :]]

    def as_json(self) -> list[dict[str, Any]]:
        """Return all of them, oldest first."""
        return [asdict(receipt) for receipt in self._all]
