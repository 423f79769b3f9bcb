"""What librdkafka says, as log lines of ours: again only now and then.

While Kafka is gone it tries again some forty times a second and says so each time, twice.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError

from consumers.logs import get_log

SAID_AGAIN_S: Final = 10.0
_REMEMBERED: Final = 256
_VARYING: Final = re.compile(r" \(after \d+ms.*?\)")


class Seldom:
    """Says how often something was kept back since it was said last, or that it is too early."""

    def __init__(self, elapsed_s: Callable[[], float] = time.monotonic) -> None:
        """Count seconds by `elapsed_s`."""
        self._elapsed_s = elapsed_s
        self._said: dict[str, tuple[float, int]] = {}

    def kept_back(self, what: str) -> int | None:
        """Return how many of `what` were kept back, if it may be said now; None if it may not.

        How long a try took makes nothing new of it.
        """
        what = _VARYING.sub("", what)
        now = self._elapsed_s()
        said_at, count = self._said.get(what, (now - SAID_AGAIN_S, 0))
        if now - said_at < SAID_AGAIN_S:
            self._said[what] = (said_at, count + 1)
            return None
        if len(self._said) >= _REMEMBERED:  # hosts and ports differ: it must not grow for ever
            self._said.clear()
        self._said[what] = (now, 0)
        return count


_SELDOM: Final = Seldom()


class _Forwarding(logging.Handler):
    def __init__(self, seldom: Seldom) -> None:
        super().__init__()
        self._seldom = seldom

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        count = self._seldom.kept_back(message)
        if count is not None:
            get_log().log(record.levelno, "kafka_client", message=message, **_told(count))


def kafka_client_log() -> logging.Logger:
    """Return where librdkafka is to write, so that its words become log lines like all others."""
    logger = logging.getLogger("dispatcher.kafka_client")
    if not logger.handlers:
        logger.addHandler(_Forwarding(_SELDOM))
        logger.propagate = False
    return logger


def say_unavailable(error: KafkaError, seldom: Seldom = _SELDOM) -> None:
    """Say that Kafka, or one of its brokers, is not to be had: librdkafka goes on trying."""
    told = error.str()
    count = seldom.kept_back(told)
    if count is not None:
        get_log().warning("kafka_unavailable", error=told, **_told(count))


def _told(kept_back: int) -> dict[str, int]:
    return {"times_since": kept_back} if kept_back else {}
