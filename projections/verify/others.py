"""Advice, failures, dead letters and runs, as plain as they can be told."""

from datetime import UTC, datetime
from typing import Any, Final

from events.account import (
    CommandRefused,
    DispatcherStarted,
    DispatcherStopped,
    IncidentRecorded,
)
from events.catalog import AnyEvent
from events.decision import RecommendationFailed
from events.envelope import Origin
from events.identifiers import event_id
from events.order import OrderRejected
from events.projection import ProjectionFailed, ProjectionSettled
from events.recommendation import OptionQuote, RecommendationIssued
from events.sanity import nonsense
from projections.dead_letter import DeadLetter
from projections.verify.fold import ExpectedRow, ExpectedTable, Key
from projections.verify.json_values import digits, storable, stored

_BIGINT_MAX: Final = 9_223_372_036_854_775_807


class AdviceFold:
    """`dispatch_recommendations`: the first record of an id stays."""

    def __init__(self) -> None:
        """Start with no advice."""
        self._rows: ExpectedTable = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up a recommendation that makes sense."""
        if isinstance(event, RecommendationIssued) and nonsense(event) is None:
            self._rows.setdefault((event.recommendation_id,), _advice(event, origin.offset))

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        return {"dispatch_recommendations": self._rows}


class FailuresFold:
    """`dispatch_failures`: the first record of an id stays, and the first settlement."""

    def __init__(self) -> None:
        """Start with no failures."""
        self._failed: dict[Key, ExpectedRow] = {}
        self._settled: dict[Key, ExpectedRow] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what failed, or was settled."""
        match event:
            case ProjectionSettled():
                key = _failure_of(event)
                self._settled.setdefault((key,), _settlement(event, origin.offset))
            case ProjectionFailed():
                self._failed.setdefault((event.event_id,), _projection(event, origin))
            case RecommendationFailed():
                self._add(
                    event,
                    origin,
                    kind="recommendation_failed",
                    ticker=event.ticker,
                    stage=event.stage.value,
                    error=event.error,
                )
            case OrderRejected():
                code = [str(part) for part in (event.status, event.code) if part is not None]
                self._add(
                    event,
                    origin,
                    kind="order_rejected",
                    stage=event.rejection_class.value,
                    code=" ".join(code) if code else None,
                    error=event.message,
                )
            case IncidentRecorded():
                self._add(event, origin, kind="incident", stage=event.kind, error=event.message)
            case CommandRefused():
                self._add(
                    event,
                    origin,
                    kind="command_refused",
                    code=event.command_id,
                    error=event.reason,
                )
            case _:
                pass

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        keys = self._failed.keys() | self._settled.keys()
        return {
            "dispatch_failures": {
                key: {
                    "event_id": key[0],
                    "kind": "projection_failed",
                    **self._settled.get(key, {}),
                    **self._failed.get(key, {}),
                }
                for key in keys
            }
        }

    def _add(self, event: Any, origin: Origin, *, error: str, **told: str | None) -> None:  # noqa: ANN401 -- of an account
        about = event.envelope
        row = {
            "account_name": about.account_name,
            "recommendation_id": about.recommendation_id,
            "client_order_id": getattr(event, "client_order_id", None),
            "error": storable(error),
            "occurred_at": about.occurred_at,
            "dispatcher_run_id": about.dispatcher_run_id,
            "build": about.build,
            "log_topic": origin.topic,
            "log_offset": origin.offset,
            **{name: None if text is None else storable(text) for name, text in told.items()},
        }
        self._failed.setdefault((about.event_id,), row)


class DeadLettersFold:
    """`dead_letters`, byte for byte."""

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
            "headers": [
                [storable(name), value if value is None else value.hex()]
                for name, value in event.headers
            ],
        }

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        return {"dead_letters": self._rows}


class RunsFold:
    """`dispatcher_runs`: the first start of a run stays, and its first end."""

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
                    "run_summary_json": {"reason": storable(event.reason), **counts},
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


def _advice(event: RecommendationIssued, offset: int) -> ExpectedRow:
    option = event.option
    return {
        "id": event.recommendation_id,
        "ts": event.issued_at,
        "created_at": event.issued_at,
        "run_id": event.run_id,
        "ticker": event.ticker,
        "action": event.action.value,
        "instrument_type": event.instrument_type.value,
        "strategy_type": event.strategy_type.value,
        "confidence": event.confidence,
        "reason": stored(event.reason),
        "bar_at": event.bar_at,
        "features_at": event.features_at,
        "reference_price": event.reference_price,
        "bid": event.bid,
        "ask": event.ask,
        "recent_volatility": event.recent_volatility,
        "vix": event.vix,
        "stop_loss_price": event.stop,
        "take_profit_price": event.target,
        "max_hold_minutes": event.max_hold_minutes,
        "option_symbol": option and option.symbol,
        "strike_price": option and option.strike,
        "expiration_date": option and option.expiry,
        "option_json": _option(option) if option else None,
        "features_snapshot": stored(event.features_snapshot),
        "sentiment_snapshot": stored(event.sentiment_snapshot),
        "log_offset": offset,
    }


def _option(option: OptionQuote) -> dict[str, Any]:
    return {
        "symbol": option.symbol,
        "strike": digits(option.strike),
        "expiry": option.expiry.isoformat(),
        "bid": digits(option.bid),
        "ask": digits(option.ask),
        "volume": option.volume,
        "open_interest": option.open_interest,
        "delta": digits(option.delta),
        "iv": digits(option.iv),
    }


def _projection(event: ProjectionFailed, origin: Origin) -> ExpectedRow:
    return {
        "account_name": event.account_name,
        "stage": event.event_type,
        "code": event.sqlstate,
        "error": storable(event.error),
        "occurred_at": event.occurred_at,
        "build": event.build,
        "log_topic": origin.topic,
        "log_offset": origin.offset,
        "projection": event.projection,
        "failed_topic": event.topic,
        "failed_partition": event.partition,
        "failed_offset": event.offset,
    }


def _settlement(event: ProjectionSettled, offset: int) -> ExpectedRow:
    return {
        "settlement": event.settlement.value,
        "settled_at": event.occurred_at,
        "settled_by": event.by,
        "settled_reason": storable(event.reason),
        "settled_offset": offset,
    }


def _failure_of(event: ProjectionSettled) -> object:
    subject = f"record:{event.topic}/{event.partition}/{event.offset}"
    return event_id(event.projection, subject, None, "parked")


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
