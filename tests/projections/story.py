"""Events of made-up trades, and the logs they stand in."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from events import roles
from events.account import (
    DispatcherStarted,
    DispatcherStopped,
    IncidentRecorded,
    LegacyExecutionImported,
)
from events.author import Author
from events.avro import Json, avro_schema
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec
from events.decision import (
    GateResult,
    MarketSeen,
    OffsetsSeen,
    RecommendationDeclined,
    RecommendationFailed,
    Stage,
    Verdict,
)
from events.envelope import Envelope, Origin
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
from events.order import (
    ExecutionMode,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTerms,
    OrderType,
    RejectionClass,
    Side,
)
from events.recommendation import (
    Action,
    InstrumentType,
    OptionQuote,
    RecommendationIssued,
    StrategyType,
)
from events.topics import RECOMMENDATIONS, log_of
from projections.record import Record, read_record

NOW = datetime(2026, 3, 2, 15, 0, 0, 123456, tzinfo=UTC)
RUN = UUID("11111111-2222-5333-8444-555555555555")
OPTION = OptionQuote(
    symbol="MSFT260320C00400000",
    strike=Decimal(400),
    expiry=date(2026, 3, 20),
    bid=Decimal("5.1"),
    ask=Decimal("5.3"),
    volume=900,
    open_interest=4000,
    delta=Decimal("0.45"),
    iv=Decimal("0.31"),
)


class KnownSchemas:
    """Every event type under its place in the catalog: a registry without a server."""

    def id_of(self, event_type: type[AnyEvent]) -> int:
        return EVENTS.index(event_type)

    def schema_of(self, schema_id: int) -> Json | None:
        return avro_schema(EVENTS[schema_id]) if schema_id < len(EVENTS) else None


CODEC = Codec(KnownSchemas())


@dataclass
class Log:
    """One account's log: every call appends an event at the next offset."""

    account: AccountName
    events: list[AnyEvent] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return log_of(self.account).name

    def records(self) -> list[Record]:
        return records(self.topic, self.events)

    def append(self, event: AnyEvent) -> None:
        self.events.append(event)

    def started(self) -> None:
        self.append(
            DispatcherStarted(
                envelope=self._author.about(f"run:{RUN}", roles.started(0), occurred_at=NOW),
                host="trader-1",
                process_id=4711,
                limits='{"max_open_positions": 5}',
            )
        )

    def imported(self, number: int) -> None:
        subject = f"legacy:{uuid5(RUN, str(number))}"
        self.append(
            LegacyExecutionImported(
                envelope=self._author.about(subject, roles.IMPORTED, occurred_at=NOW),
                execution_id=uuid5(RUN, str(number)),
                legacy_account_name="large-default",
                legacy_recommendation_id=number,
                ticker="MSFT",
                action="BUY_STOCK",
                instrument_type=InstrumentType.STOCK,
                side=Action.BUY,
                decision_ts=NOW - timedelta(days=500),
                entry_price=Decimal("100.00000001"),
                quantity=Decimal(10),
                notional=Decimal("1000.0000001"),
                execution_mode="SIMULATED",
                row='{"execution":{"qty":10.00000000},"recommendation":null}',
            )
        )

    def stopped(self) -> None:
        self.append(
            DispatcherStopped(
                envelope=self._author.about(
                    f"run:{RUN}", roles.STOPPED, occurred_at=NOW + timedelta(hours=1)
                ),
                reason="SIGTERM",
                started_at=NOW,
                recommendations_read=9,
                intended=3,
                declined=5,
                failed=1,
            )
        )

    def intended(
        self,
        recommendation: int,
        *,
        ticker: str = "MSFT",
        quantity: str = "10",
        option: OptionQuote | None = None,
        leg: Leg = Leg.ENTRY,
        **changes: Any,  # noqa: ANN401 -- any field of the event
    ) -> None:
        kind = InstrumentType.CALL if option else InstrumentType.STOCK
        self.append(
            replace(
                OrderIntended(
                    envelope=self._about(recommendation, roles.DECISION, leg),
                    terms=OrderTerms(
                        client_order_id=self._order(recommendation, leg),
                        ticker=ticker,
                        symbol=option.symbol if option else ticker,
                        instrument_type=kind,
                        multiplier=100 if option else 1,
                        action=Action.BUY,
                        side=Side.BUY,
                        closes_position=False,
                        quantity=Decimal(quantity),
                        order_type=OrderType.LIMIT,
                        reference_price=Decimal("100.00"),
                        limit_price=Decimal("100.25"),
                        worst_price=Decimal("100.25"),
                        reserved_notional=Decimal("1002.50"),
                    ),
                    execution_mode=ExecutionMode.SIMULATED,
                    strategy_type=StrategyType.DAY_TRADE,
                    confidence=Decimal("0.81"),
                    stop=Decimal(98),
                    target=Decimal(104),
                    max_hold_minutes=360,
                    option=option,
                    recommendation_run_id=RUN,
                    issued_at=NOW - timedelta(seconds=4),
                    fresh_until=NOW + timedelta(minutes=5),
                    submit_before=NOW + timedelta(seconds=3),
                    answer_within_ms=8000,
                    market=market(),
                    gates=gates(),
                    seen=OffsetsSeen(log=len(self.events), recommendations=7),
                    sizing='{"shares": "10", "by": "risk"}',
                    reason="momentum: 5 days\tup\\down",
                    features_snapshot='{"rsi": 61.5}',
                ),
                **changes,
            )
        )

    def bracketed(self, recommendation: int) -> None:
        """Append an intent whose stop and target the broker is to hold."""
        self.intended(recommendation)
        plain = self.events.pop()
        assert isinstance(plain, OrderIntended)
        terms = replace(plain.terms, stop_loss=Decimal(98), take_profit=Decimal(104))
        self.append(replace(plain, terms=terms, exits="held by the broker"))

    def accepted(self, recommendation: int, *, leg: Leg = Leg.ENTRY) -> None:
        self.append(
            OrderAccepted(
                envelope=self._about(recommendation, roles.ACCEPTED, leg),
                client_order_id=self._order(recommendation, leg),
                broker_order_id=f"broker-{recommendation}",
            )
        )

    def unknown(self, recommendation: int) -> None:
        self.append(
            OrderOutcomeUnknown(
                envelope=self._about(recommendation, roles.outcome_unknown(1)),
                client_order_id=self._order(recommendation),
                attempt=1,
                how="the POST timed out after 5 s",
            )
        )

    def rejected(self, recommendation: int) -> None:
        self.append(
            OrderRejected(
                envelope=self._about(recommendation, roles.REJECTED),
                client_order_id=self._order(recommendation),
                status=403,
                code=40310000,
                rejection_class=RejectionClass.BUYING_POWER,
                message="insufficient buying power",
            )
        )

    def canceled(self, recommendation: int, *, filled: str = "0") -> None:
        self.append(
            OrderCanceled(
                envelope=self._about(recommendation, roles.CANCELED),
                client_order_id=self._order(recommendation),
                broker_order_id=f"broker-{recommendation}",
                cumulative_quantity=Decimal(filled),
            )
        )

    def expired(self, recommendation: int, *, filled: str = "0") -> None:
        self.append(
            OrderExpired(
                envelope=self._about(recommendation, roles.EXPIRED),
                client_order_id=self._order(recommendation),
                broker_order_id=f"broker-{recommendation}",
                cumulative_quantity=Decimal(filled),
            )
        )

    def filled(  # noqa: PLR0913 -- each is a fact about the fill
        self,
        recommendation: int,
        quantity: str,
        price: str,
        *,
        before: tuple[str, str] = ("0", "0"),
        option: OptionQuote | None = None,
        leg: Leg = Leg.ENTRY,
        ticker: str = "MSFT",
        **changes: Any,  # noqa: ANN401 -- any field of the event
    ) -> None:
        cumulative = Decimal(before[0]) + Decimal(quantity)
        notional = Decimal(before[1]) + Decimal(quantity) * Decimal(price)
        self.append(
            replace(
                OrderFilled(
                    envelope=self._about(recommendation, roles.fill(cumulative), leg),
                    client_order_id=self._order(recommendation, leg),
                    broker_order_id=f"broker-{recommendation}",
                    fill_key=f"{cumulative.normalize():f}",
                    ticker=ticker,
                    symbol=option.symbol if option else ticker,
                    instrument_type=InstrumentType.CALL if option else InstrumentType.STOCK,
                    multiplier=100 if option else 1,
                    side=Side.BUY,
                    quantity=Decimal(quantity),
                    price=Decimal(price),
                    cumulative_quantity=cumulative,
                    cumulative_notional=notional,
                    fees=Decimal("0.01"),
                    filled_at=NOW + timedelta(seconds=len(self.events)),
                    fill_model="simulated",
                    slippage_bps=5,
                ),
                **changes,
            )
        )

    def declined(self, recommendation: int) -> None:
        self.append(
            RecommendationDeclined(
                envelope=self._about(recommendation, roles.DECISION),
                ticker="MSFT",
                action=Action.BUY,
                instrument_type=InstrumentType.STOCK,
                strategy_type=StrategyType.DAY_TRADE,
                declined_by=("confidence",),
                gates=gates(Verdict.DECLINED),
                market=None,
                seen=OffsetsSeen(log=1, recommendations=2),
            )
        )

    def failed(self, recommendation: int, *, order: bool = False) -> None:
        self.append(
            RecommendationFailed(
                envelope=self._about(recommendation, roles.FAILED),
                ticker="MSFT",
                action=Action.BUY,
                instrument_type=InstrumentType.STOCK,
                error="ZeroDivisionError: division by zero",
                stage=Stage.SUBMIT if order else Stage.DECIDE,
                client_order_id=self._order(recommendation) if order else None,
            )
        )

    def incident(self) -> None:
        self.append(
            IncidentRecorded(
                envelope=self._author.about(
                    "order:stray", roles.incident("stray_order"), occurred_at=NOW
                ),
                kind="stray_order",
                message="an order of nobody's",
            )
        )

    @property
    def _author(self) -> Author:
        return Author(account=self.account, run_id=RUN, config_hash="c0ffee", build="test")

    def _about(self, recommendation: int, role: str, leg: Leg = Leg.ENTRY) -> Envelope:
        return self._author.about_recommendation(
            RecommendationId(recommendation),
            role,
            leg=leg,
            occurred_at=NOW + timedelta(milliseconds=len(self.events)),
        )

    def _order(self, recommendation: int, leg: Leg = Leg.ENTRY) -> str:
        return client_order_id(self.account, RecommendationId(recommendation), leg)


def gates(verdict: Verdict = Verdict.PASSED) -> tuple[GateResult, ...]:
    return (
        GateResult(
            gate="account_active",
            verdict=Verdict.PASSED,
            reason="active",
            observed="active",
            threshold="active",
        ),
        GateResult(
            gate="confidence",
            verdict=verdict,
            reason="0.81 against 0.35",
            observed="0.81",
            threshold="0.35",
        ),
    )


def market() -> MarketSeen:
    return MarketSeen(
        source="recommendation",
        observed_at=NOW,
        reference_price=Decimal("100.00"),
        bid=Decimal("99.99"),
        ask=Decimal("100.01"),
    )


def recommendation(number: int, **changes: Any) -> RecommendationIssued:  # noqa: ANN401 -- any field
    return replace(
        RecommendationIssued(
            recommendation_id=number,
            run_id=uuid5(RUN, "engine"),
            ticker="MSFT",
            action=Action.BUY,
            instrument_type=InstrumentType.STOCK,
            strategy_type=StrategyType.DAY_TRADE,
            confidence=Decimal("0.812345678"),
            issued_at=NOW,
            reference_price=Decimal("100.12345678"),
            vix=Decimal("18.5"),
            reason="momentum",
            features_snapshot='{"rsi": 61.5}',
        ),
        **changes,
    )


def records(topic: str, events: Iterable[AnyEvent]) -> list[Record]:
    """Encode and decode events as the records 0, 1, 2 … of `topic`."""
    return [record(topic, offset, CODEC.encode(event)) for offset, event in enumerate(events)]


def record(topic: str, offset: int, value: bytes | None) -> Record:
    origin = Origin(topic=topic, partition=0, offset=offset)
    return read_record(CODEC, origin, key=b"key", value=value, headers=())


def advice(*events: RecommendationIssued) -> list[Record]:
    return records(RECOMMENDATIONS.name, events)
