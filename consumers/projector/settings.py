"""What a projector is told, and what it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from consumers.cluster import Cluster
from projections.catalog import PROJECTIONS
from projections.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectorSettings:
    """Where to read, where to write, how much at once and how patiently.

    `poll_timeout_ms` bounds how long a stop waits; the back-off doubles from `backoff_ms` up to
    `backoff_max_ms` while PostgreSQL or the registry cannot answer.
    """

    cluster: Cluster
    postgres_dsn: str
    build: str
    group: str = "projector"
    projections: tuple[Projection, ...] = PROJECTIONS
    batch_records_max: int = 2000
    poll_timeout_ms: int = 200
    backoff_ms: int = 100
    backoff_max_ms: int = 10_000
    acknowledge_timeout_ms: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a projector has come since it started.

    `records` counts what was read; `applied`, `failed` and `waiting` count per projection: rows
    written, failures parked, events parked behind them. `caught_up` says that every partition was
    read to its end and every projection has it; `interrupted` names the projections that wait.
    """

    records: int = 0
    applied: int = 0
    failed: int = 0
    waiting: int = 0
    caught_up: bool = False
    interrupted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectorResult:
    """How a projector ended: its last progress, and whether it was told to stop before the end."""

    progress: Progress
    stopped: bool


OnProgress: TypeAlias = Callable[[Progress], None]
"""Called after every batch and every empty poll, from the projector's own thread."""
