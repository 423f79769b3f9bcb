"""The break-glass file: an account stands still while it is there, whatever Kafka does.

Its lines that hold nothing but names of configured accounts limit it to these; the first other
line is the reason. What is misspelt is therefore a reason, and the file is for everybody.
"""

import re
from collections.abc import Collection
from pathlib import Path

_REASON_LENGTH_MAX = 500


class BreakGlass:
    """Whether the file is there, for one account. One look is one or two `stat` calls."""

    def __init__(self, file: Path | None, account: str, accounts: Collection[str]) -> None:
        """Look for `file` in the name of `account`, one of the configured `accounts`."""
        self._file = file
        self._account = account
        self._accounts = frozenset(accounts)

    @property
    def by(self) -> str:
        """Who halts the account when the file is there."""
        return f"break-glass file {self._file}"

    def reason(self) -> str | None:
        """Return why the account must stand still, None while nothing says so.

        Where the file cannot be looked for, nobody knows that it is not there: that is a reason.
        """
        if self._file is None:
            return None
        try:
            self._file.stat()
        except FileNotFoundError:
            parent = self._file.parent
            return None if parent.is_dir() else f"its directory {parent} is gone"
        except OSError as error:
            return f"it cannot be looked for: {error.strerror}"
        try:
            text = self._file.read_text("utf-8", "replace")
        except OSError as error:
            text = f"it is there and cannot be read: {error.strerror}"
        return self._said(text)

    def _said(self, text: str) -> str | None:
        named: set[str] = set()
        reason = ""
        for line in filter(None, map(str.strip, text.splitlines())):
            words = set(filter(None, re.split(r"[\s,]+", line)))
            if words <= self._accounts:
                named |= words
            else:
                reason = reason or line[:_REASON_LENGTH_MAX]
        if named and self._account not in named:
            return None
        return reason or "no reason is given in it"
