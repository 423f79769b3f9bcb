"""A file that outlives the fake: every change is written down before it is answered.

One JSON line for each call of a change (with its time), one for each request received. Played back
on a new brokerage it makes the same ledger again, ids and times included.
"""

from pathlib import Path
from typing import IO, Any

from stack.alpaca_server.brokerage import Brokerage
from stack.alpaca_server.errors import Refusal
from stack.alpaca_server.receipts import Receipts
from stack.alpaca_server.values import json_in, json_text


class Journal:
    """The changes of a brokerage, in a file or (without one) nowhere."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def restore(self, brokerage: Brokerage, receipts: Receipts) -> None:
        """Play the file back, and write behind it from now on."""
        if self._path is None:
            return
        if self._path.exists():
            for line in self._path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):  # a killed fake may have left half a line, unanswered
                    _play(json_in(line), brokerage, receipts)
            brokerage.updates.clear()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab", buffering=0)

    def write(self, entry: dict[str, Any]) -> None:
        """Hand a line to the operating system, which survives this process."""
        if self._file is not None:
            self._file.write(json_text(entry).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _play(entry: Any, brokerage: Brokerage, receipts: Receipts) -> None:  # noqa: ANN401 -- our own line
    if "receipt" in entry:
        receipts.restore(entry["receipt"])
        return
    try:
        getattr(brokerage, entry["do"])(entry["at"], **entry["with"])
    except (Refusal, TypeError, ValueError, ArithmeticError):
        return  # it was refused then, too
