"""Log lines as JSON on stderr: ``{"timestamp", "event", "data": {…}}``, one object per line."""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

_OUTSIDE_DATA: Final = ("timestamp", "event")


def configure_logs(stream: TextIO | None = None, *, least: str = "info") -> None:
    """Send log lines of level `least` and above to `stream` (stderr when None).

    Called once by each process, before anything else: without it structlog writes to stdout.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _under_data,
            structlog.processors.JSONRenderer(serializer=_to_json),
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


class _Forwarding(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        get_log().log(record.levelno, "kafka_client", message=record.getMessage())


def kafka_client_log() -> logging.Logger:
    """Return where librdkafka is to write, so that its words become log lines like all others."""
    logger = logging.getLogger("dispatcher.kafka_client")
    if not logger.handlers:
        logger.addHandler(_Forwarding())
        logger.propagate = False
    return logger


def _under_data(_logger: WrappedLogger, _method: str, event: EventDict) -> Mapping[str, Any]:
    line = {key: event[key] for key in _OUTSIDE_DATA if key in event}
    line["data"] = {key: value for key, value in event.items() if key not in _OUTSIDE_DATA}
    return line


def _to_json(line: object, **_: object) -> str:
    return json.dumps(line, default=_as_text, ensure_ascii=False)


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
