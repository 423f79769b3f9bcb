"""Log lines on stderr: JSON ``{"timestamp", "event", "data": {…}}``, or plain for a reader.

One line per change of state, one object or sentence per line.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TextIO, cast
from uuid import UUID

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_OUTSIDE_DATA: Final = ("timestamp", "event")


class LogFormat(StrEnum):
    """How log lines look: for machines, or for a person at a terminal."""

    JSON = "json"
    CONSOLE = "console"


def configure_logs(
    stream: TextIO | None = None,
    *,
    least: str = "info",
    log_format: LogFormat = LogFormat.JSON,
) -> None:
    """Send log lines of level `least` and above to `stream` (stderr when None).

    Called once by each process, before anything else: without it structlog writes to stdout.
    """
    rendered: list[Processor] = (
        [_for_a_reader]
        if log_format is LogFormat.CONSOLE
        else [_under_data, structlog.processors.JSONRenderer(serializer=_to_json)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr if stream is None else stream),
        cache_logger_on_first_use=False,
    )


def get_log(**always: object) -> FilteringBoundLogger:
    """Return a logger; every line of it carries `always` under ``data``.

    ``get_log(account_name="tiny").info("recommendations_claimed", count=3)`` writes
    ``{"timestamp": …, "event": …, "data": {"account_name": "tiny", "count": 3, "level": "info"}}``.
    """
    return cast("FilteringBoundLogger", structlog.get_logger(**always))


def bind_run(run_id: UUID, **always: object) -> None:
    """Put the run's id, and `always`, on every line that this thread writes from now on."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(dispatcher_run_id=run_id, **always)


def _under_data(_logger: WrappedLogger, _method: str, event: EventDict) -> Mapping[str, Any]:
    line = {key: event[key] for key in _OUTSIDE_DATA if key in event}
    line["data"] = {key: value for key, value in event.items() if key not in _OUTSIDE_DATA}
    return line


def _for_a_reader(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    timestamp, level = str(event.pop("timestamp")), str(event.pop("level"))
    trace = event.pop("exception", None)
    words = [timestamp[:19].replace("T", " "), f"{level:<8}", str(event.pop("event"))]
    words += [f"{name}={_in_short(value)}" for name, value in sorted(event.items())]
    return " ".join(words) + ("" if trace is None else f"\n{trace}")


def _in_short(value: object) -> str:
    known = value if isinstance(value, bool | int | float | list | dict) else _as_text(value)
    text = known if isinstance(known, str) else json.dumps(known, default=_as_text)
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "\n=') else text


def _to_json(line: object, **_: object) -> str:
    return _ENCODER.encode(line)


def _as_text(value: object) -> object:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)


_ENCODER: Final = json.JSONEncoder(default=_as_text, ensure_ascii=False)
"""Made once: one line for each decision is on a busy path."""
