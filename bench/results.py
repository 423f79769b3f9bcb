"""Figures beside their floors: medians, the table, the JSON object."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

Json: TypeAlias = dict[str, dict[str, float | str | None]]

_HEADINGS: Final = ("name", "value", "floor", "ratio", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value and, where there is one, that of the floor program in the same run."""

    name: str
    value: float
    unit: str
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """Return the value as a share of its floor."""
        return self.value / self.floor if self.floor else None


@dataclass(frozen=True, slots=True)
class Run:
    """What one process under test says about its work.

    `processor_seconds` is its own processor time, services not counted, where it says so: it
    compares sizes on a machine that is busy with other work.
    """

    records: int
    seconds: float
    peak_memory_mib: float
    processor_seconds: float | None = None


def compare(name: str, unit: str, runs: Sequence[Run], floors: Sequence[Run]) -> list[Figure]:
    """Return the rate, the time per record and the peak memory of alternated runs: medians."""
    figures = [
        Figure(name=name, unit=f"{unit}/s", value=_rate(runs), floor=_rate(floors)),
        Figure(
            name=f"{name}.time_per_record",
            unit="us",
            value=1e6 / _rate(runs),
            floor=1e6 / _rate(floors),
        ),
        Figure(
            name=f"{name}.peak_memory",
            unit="MiB",
            value=median(run.peak_memory_mib for run in runs),
            floor=median(run.peak_memory_mib for run in floors),
        ),
    ]
    busy, busy_floor = _processor_time(runs), _processor_time(floors)
    if busy is not None:
        name = f"{name}.processor_time_per_record"
        figures.append(Figure(name=name, unit="us", value=busy, floor=busy_floor))
    return figures


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def as_json(figures: Iterable[Figure]) -> Json:
    """Return ``{name: {value, unit, floor, ratio}}``."""
    return {
        figure.name: {
            "value": _short(figure.value),
            "unit": figure.unit,
            "floor": _short(figure.floor),
            "ratio": _short(figure.ratio),
        }
        for figure in figures
    }


def as_table(figures: Json) -> str:
    """Return what `as_json` returned as lines of text in columns."""
    rows = [_HEADINGS] + [
        (name, _text(one["value"]), _text(one["floor"]), _text(one["ratio"]), str(one["unit"]))
        for name, one in figures.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "".join(_line(row, widths) for row in rows)


def dump(figures: Mapping[str, object]) -> str:
    """Return the one JSON object as text."""
    return json.dumps(figures, indent=2) + "\n"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers, unit = row
    cells = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join([name.ljust(widths[0]), *cells, unit]) + "\n"


def _rate(runs: Sequence[Run]) -> float:
    return median(run.records / run.seconds for run in runs)


def _processor_time(runs: Sequence[Run]) -> float | None:
    said = [
        1e6 * run.processor_seconds / run.records
        for run in runs
        if run.processor_seconds is not None
    ]
    return median(said) if said else None


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _text(value: float | str | None) -> str:
    return "-" if value is None else f"{value:,}"
