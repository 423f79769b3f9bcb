"""What happens on the scene: advice goes out, dispatchers run, the tables follow."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from json import dumps
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.demo.follower import Follower
from cli.demo.scene import ACCOUNTS, Scene, Service
from consumers.errors import DispatcherError
from consumers.projector.reading import committed_ends
from consumers.publish import parse_lines, publish
from consumers.tables import checkpoints
from events.codec import Codec
from events.identifiers import AccountName
from events.recommendation import RecommendationIssued
from examples.signal_engine.engine import recommendations
from projections.catalog import PROJECTIONS

PATIENCE_S: Final = 600.0
_LOOK_EVERY_S: Final = 0.1


class DemoFailed(DispatcherError):  # noqa: N818 -- says what happened
    """Something in the demo did not end as promised: the sentence says what."""


@dataclass(slots=True)
class Stage:
    """The scene in motion."""

    scene: Scene
    codec: Codec
    followers: dict[AccountName, Follower]
    issued: list[RecommendationIssued] = field(default_factory=list)
    quiet: bool = False

    def issue(self, start: date, end: date) -> list[RecommendationIssued]:
        """Let the Signal Engine speak from `start` to `end`, both included; return its words."""
        lines = (dumps(line) for line in recommendations(start, end))
        advice = parse_lines(lines)
        publish(advice, self.scene.settings, self.codec)
        self.issued += advice
        return advice

    def run_dispatchers(
        self,
        title: str,
        advice: Sequence[RecommendationIssued],
        *,
        meanwhile: Callable[[dict[AccountName, Service]], None] = lambda _: None,
    ) -> float:
        """Run every account's dispatcher to its end; return the seconds it took.

        `meanwhile` is called again and again and may kill and start what it likes in the mapping.

        Raises:
            DemoFailed: A dispatcher ended badly, or does not end.
        """
        began = time.monotonic()
        services = {account: self.scene.dispatch(account) for account in ACCOUNTS}
        wanted = {one.recommendation_id for one in advice}
        with self._progress() as progress:
            bars = {
                account: progress.add_task(f"{title}  {account}", total=len(wanted))
                for account in ACCOUNTS
            }
            while any(service.running for service in services.values()):
                for account, follower in self.followers.items():
                    follower.read(timeout_s=_LOOK_EVERY_S / 2)
                    done = len(wanted & follower.tally.decided)
                    progress.update(bars[account], completed=done)
                meanwhile(services)
                if time.monotonic() - began > PATIENCE_S:
                    raise DemoFailed(f"dispatchers did not end within {PATIENCE_S:.0f} s")
            took = time.monotonic() - began
            for account, follower in self.followers.items():
                follower.read_to_end()
                progress.update(bars[account], completed=len(wanted & follower.tally.decided))
        for service in services.values():
            require_good_end(service)
        return took

    def await_projections(self, projector: Service) -> float:
        """Wait until everything in Kafka by now is in the tables, or parked; return the seconds."""
        began = time.monotonic()
        ends = committed_ends(self.scene.settings.kafka.cluster, PROJECTIONS)
        while self._behind(ends):
            if not projector.running:
                require_good_end(projector)
            if time.monotonic() - began > PATIENCE_S:
                raise DemoFailed(f"the projector did not catch up within {PATIENCE_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)
        return time.monotonic() - began

    def _behind(self, ends: dict[tuple[str, int], int]) -> bool:
        at = {
            (row["projection"], row["topic"], row["partition"]): row["next_offset"]
            for row in checkpoints(self.scene.addresses.postgres_dsn)
        }
        return any(
            at.get((projection.name, topic, partition), 0) < end
            for projection in PROJECTIONS
            for (topic, partition), end in ends.items()
            if projection.reads(topic)
        )

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description:<42}"),
            BarColumn(bar_width=18),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=self.quiet,
        )


def require_good_end(service: Service) -> None:
    """Refuse a process that ended with anything but 0.

    Raises:
        DemoFailed: With its exit code and the last line it wrote.
    """
    code = service.process.wait()
    if code == 0:
        return
    said = service.log.read_text().strip().splitlines()
    last = said[-1] if said else "it said nothing"
    raise DemoFailed(f"{service.name} ended with exit code {code}: {last}")


@contextmanager
def stage(scene: Scene, codec: Codec, *, quiet: bool) -> Iterator[Stage]:
    """Set the scene in motion: followers at the head of each log."""
    cluster = scene.settings.kafka.cluster
    followers = {account: Follower(cluster, account, codec) for account in ACCOUNTS}
    try:
        yield Stage(scene, codec, followers, quiet=quiet)
    finally:
        for follower in followers.values():
            follower.close()


def unsettled(advice: Iterable[RecommendationIssued], follower: Follower) -> list[int]:
    """Return the ids of `advice` that have no end in the account's log."""
    return [
        one.recommendation_id for one in advice if one.recommendation_id not in follower.tally.ended
    ]
