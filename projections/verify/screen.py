"""A fold held against its tables while it goes on, so that memory does not grow with the log.

Events are folded recommendation by recommendation. One that nothing was said about for a while is
held against its rows and forgotten. A row says what the whole log came to, so one that is equal
early is right, if nothing follows; where something does, that recommendation is folded once more.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from events.catalog import AnyEvent
from events.decision import RecommendationDeclined
from events.envelope import Origin
from events.order import OrderIntended
from events.recommendation import RecommendationIssued
from projections.dead_letter import DeadLetter
from projections.ids import Ids
from projections.session import Connection
from projections.verify.compare import Difference
from projections.verify.extent import Extent, held_against, keys_and_numbers, row_count
from projections.verify.fold import ExpectedTable, Fold

QUIET: Final = 10_000
"""So many events later a recommendation's story is taken to be over."""
AT_ONCE: Final = 5_000
"""No more recommendations than these are folded a second time in one go."""
LOOK_EVERY: Final = 2_000
_FIRST: Final = (OrderIntended, RecommendationDeclined, RecommendationIssued)

_Told = dict[str, ExpectedTable]


@dataclass(slots=True)
class _Story:
    """One recommendation's fold, and when something was said of it last."""

    fold: Fold
    touched: int = 0
    differs: bool = False


class Screen:
    """One projection's fold of one topic, and the rows of that topic's account."""

    def __init__(
        self,
        connection: Connection,
        make: Callable[[], Fold],
        account: str | None,
        *,
        only_whole: bool = False,
        quiet: int = QUIET,
        look_every: int = LOOK_EVERY,
    ) -> None:
        """Look at rows of `account`, or all; `only_whole` passes over what began before."""
        self.events = make().events
        self.late: set[int] = set()
        self.rows = 0
        self._connection = connection
        self._make = make
        self._account = account
        self._only_whole = only_whole
        self._quiet = quiet
        self._look_every = look_every
        # Of no recommendation is what nobody may ever tell of, and a row may say all the same.
        self._open: dict[int | None, _Story] = {} if only_whole else {None: _Story(make())}
        self._orders: dict[str, int | None] = {}
        self._seen = Ids()
        self._met: Counter[str] = Counter()
        self._count = 0

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up the next event."""
        self._count += 1
        number = self._story_of(event)
        story = self._open.get(number)
        if story is None:
            if number is not None and number in self._seen:
                self.late.add(number)
                return
            if self._only_whole and not isinstance(event, _FIRST):
                return
            story = self._open[number] = _Story(self._make())
            if number is not None:
                self._seen.add(number)
        story.touched = self._count
        story.fold.take(event, origin)
        if self._count % self._look_every == 0:
            self._close()

    def differences(self) -> Iterator[Difference]:
        """Hold what is still open against its rows; yield what differs. Late ones are left out."""
        rest = [number for number in self._open if number not in self.late]
        for start in range(0, len(rest), LOOK_EVERY):
            some = rest[start : start + LOOK_EVERY]
            expected = self._together(self._open[number].fold.tables() for number in some)
            self.rows += sum(map(len, expected.values()))
            found = held_against(self._connection, expected, Extent(self._account, some), self._met)
            yield from (difference for _, difference in found)
        if not self._only_whole:
            yield from self._unmet()

    def again(self, numbers: Iterable[int]) -> "Again":
        """Return a second look at whole stories, of which nothing is passed over."""
        return Again(self._connection, self._make, self._account, numbers)

    def _unmet(self) -> Iterator[Difference]:
        """Yield rows that no story met; where that does not explain them, look at all once more."""
        for table in self._make().tables():
            left = row_count(self._connection, table, self._account) - self._met[table]
            if left > 0:
                for difference, number in keys_and_numbers(self._connection, table, self._account):
                    if number is None or number in self._seen:
                        continue
                    left -= 1
                    yield difference
            if left > 0:
                self.late |= set(self._seen)

    def _close(self) -> None:
        """Forget stories that were quiet for long and are what the rows say."""
        quiet = [
            number
            for number, story in self._open.items()
            if number is not None
            and not story.differs
            and story.touched <= self._count - self._quiet
        ]
        if not quiet:
            return
        told = {number: self._open[number].fold.tables() for number in quiet}
        counts = {
            number: {table: len(rows) for table, rows in tables.items()}
            for number, tables in told.items()
        }
        extent = Extent(self._account, quiet)
        found = held_against(self._connection, self._together(told.values()), extent, Counter())
        differing = {number for number, _ in found}
        for number in differing & counts.keys():
            self._open[number].differs = True  # perhaps not over: it stays
        if sum(story.differs for story in self._open.values()) > AT_ONCE:
            self.late |= {number for number in differing if number in self._open and number}
        closed = [one for one in quiet if one not in differing or one in self.late]
        for number in closed:
            if number not in self.late:
                self._met.update(counts[number])
                self.rows += sum(counts[number].values())
        for number in closed:
            del self._open[number]
        self._orders = {
            name: number for name, number in self._orders.items() if number in self._open
        }

    def _together(self, tables: Iterable[_Told]) -> _Told:
        told: _Told = {table: {} for table in self._make().tables()}
        for one in tables:
            for table, rows in one.items():
                told[table].update(rows)
        return told

    def _story_of(self, event: Any) -> int | None:  # noqa: ANN401 -- any event
        """Return the recommendation that an event is about; that of the order, if it names one."""
        if isinstance(event, RecommendationIssued):
            return event.recommendation_id
        envelope = getattr(event, "envelope", None)
        number: int | None = None if envelope is None else envelope.recommendation_id
        named = getattr(getattr(event, "terms", event), "client_order_id", None)
        return number if named is None else self._orders.setdefault(named, number)


class Again:
    """Some stories, folded whole; their rows, whatever else says to belong to them."""

    def __init__(
        self,
        connection: Connection,
        make: Callable[[], Fold],
        account: str | None,
        numbers: Iterable[int],
    ) -> None:
        """Fold `numbers` and nothing else."""
        self._connection = connection
        self._fold = make()
        self.events = self._fold.events
        self._account = account
        self._numbers = set(numbers)

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up the next event."""
        about: Any = event
        envelope = getattr(about, "envelope", None)
        number = about.recommendation_id if envelope is None else envelope.recommendation_id
        if number in self._numbers:
            self._fold.take(event, origin)

    def differences(self) -> Iterator[Difference]:
        """Yield what differs between these stories and their rows."""
        extent = Extent(self._account, list(self._numbers), by_number=True)
        found = held_against(self._connection, self._fold.tables(), extent, Counter())
        yield from (difference for _, difference in found)
