"""Dead letters and runs, as plain as they can be told."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Final

from events.account import DispatcherStarted, DispatcherStopped
from events.catalog import AnyEvent
from events.envelope import Origin
from projections.dead_letter import DeadLetter
from projections.verify.fold import ExpectedRow, ExpectedTable, Key
from projections.verify.json_values import Json, storable, stored

_BIGINT_MAX: Final = 9_223_372_036_854_775_807


class DeadLettersFold:
    """`dead_letters`, byte for byte."""

    events: ClassVar = frozenset[type]({DeadLetter})

    def __init__(self) -> None:
        """Start with none."""
        self._rows: ExpectedTable = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what was refused."""
        if not isinstance(event, DeadLetter):
            return
        said = {
            name: storable(value.decode(errors="replace"))
            for name, value in event.headers
            if value is not None
        }
        at = (origin.topic, origin.partition, origin.offset)
        self._rows[at] = {
            **dict(zip(("log_topic", "log_partition", "log_offset"), at, strict=True)),
            "account_name": said.get("dlq.account"),
            "reason": said.get("dlq.reason"),
            "error": said.get("dlq.error"),
            "source_topic": said.get("dlq.source.topic"),
            "source_partition": _number(said.get("dlq.source.partition", "")),
            "source_offset": _number(said.get("dlq.source.offset", "")),
            "refused_at": _moment(said.get("dlq.at", "")),
            "key": event.key,
            "value": event.value,
            "headers": Json(partial(_headers, event)),
        }

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        return {"dead_letters": self._rows}


class RunsFold:
    """`dispatcher_runs`: the first start of a run stays, and its first end."""

    events: ClassVar = frozenset[type]({DispatcherStarted, DispatcherStopped})

    def __init__(self) -> None:
        """Start with no runs."""
        self._started: dict[Key, ExpectedRow] = {}
        self._stopped: dict[Key, ExpectedRow] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up the beginning or the end of a run."""
        match event:
            case DispatcherStarted():
                about = event.envelope
                key = (about.account_name, about.dispatcher_run_id)
                row = {
                    "started_at": about.occurred_at,
                    "host": event.host,
                    "process_id": event.process_id,
                    "build": about.build,
                    "config_hash": about.config_hash,
                    "run_config_json": stored(event.limits),
                    "log_offset": origin.offset,
                }
                self._started.setdefault(key, row)
            case DispatcherStopped():
                about = event.envelope
                counts = {
                    "recommendations_read": event.recommendations_read,
                    "intended": event.intended,
                    "declined": event.declined,
                    "failed": event.failed,
                }
                row = {
                    "finished_at": about.occurred_at,
                    "stop_reason": event.reason,
                    "pulled_count": event.recommendations_read,
                    "processed_count": event.intended + event.declined + event.failed,
                    "intended_count": event.intended,
                    "skipped_count": event.declined,
                    "failed_count": event.failed,
                    "run_summary_json": Json(
                        partial(dict, {"reason": storable(event.reason), **counts})
                    ),
                    "stopped_offset": origin.offset,
                }
                self._stopped.setdefault((about.account_name, about.dispatcher_run_id), row)
            case _:
                pass

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        keys = self._started.keys() | self._stopped.keys()
        return {
            "dispatcher_runs": {
                key: {
                    "account_name": key[0],
                    "run_id": key[1],
                    **self._started.get(key, {}),
                    **self._stopped.get(key, {}),
                }
                for key in keys
            }
        }


def _headers(event: DeadLetter) -> list[list[Any]]:
    return [
        [storable(name), value if value is None else value.hex()] for name, value in event.headers
    ]


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    value = int(text[:20])
    return None if value > _BIGINT_MAX else value


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
