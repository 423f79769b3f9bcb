"""What differs between our books and the broker's, in sentences: what halts, and what does not."""

from typing import Final

from consumers.foreign import ForeignPolicy, OnForeign

DIFFERENCES_MAX: Final = 50
ONLY_REPORTED: Final = "; only reported"
"""Behind a sentence that halts nothing. Under a stricter policy the same thing is told without it,
and so as a difference that the log does not know yet: it halts."""


class Differences:
    """The sentences of one look at the books, sorted by an account's policy."""

    def __init__(self, policy: ForeignPolicy) -> None:
        """Know of none yet."""
        self._policy = policy
        self._halting, self._reported = list[str](), list[str]()

    def ours(self, sentence: str) -> None:
        """Take up what differs of our own orders and holdings: it halts."""
        self._halting.append(sentence)

    def foreign_order(self, sentence: str) -> None:
        """Take up an order that nobody of us placed."""
        self._foreign(sentence, self._policy.orders)

    def foreign_position(self, sentence: str) -> None:
        """Take up a holding that nothing of ours can have become."""
        self._foreign(sentence, self._policy.positions)

    def told(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """Return all of them, those that halt first, and which are only reported."""
        reported = set(self._reported)
        differences = [*self._halting, *self._reported]
        if len(differences) > DIFFERENCES_MAX:
            rest = f"and {len(differences) - DIFFERENCES_MAX} more"
            if len(self._halting) <= DIFFERENCES_MAX:
                rest += ONLY_REPORTED
                reported.add(rest)
            differences = [*differences[:DIFFERENCES_MAX], rest]
        return tuple(differences), frozenset(reported)

    def _foreign(self, sentence: str, on_it: OnForeign) -> None:
        if on_it is OnForeign.REPORT:
            self._reported.append(sentence + ONLY_REPORTED)
        else:
            self._halting.append(sentence)
