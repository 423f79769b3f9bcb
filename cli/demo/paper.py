"""The paper demo: one order of each kind that matters, at a broker that misbehaves."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from json import dumps
from pathlib import Path
from typing import Any, Final

from accounts.evolve import fold
from brokers.broker import BrokerPosition
from cli.demo.paper_scene import NUMBER, PAPER, PaperScene, paper_scene
from cli.demo.paper_words import in_words
from cli.demo.stage import DemoFailed, require_good_end
from consumers.clock import SystemClock
from consumers.dispatcher.brokerage import wire
from consumers.publish import parse_lines, publish
from consumers.registry import RegistrySchemaSource, check_schemas
from consumers.scan import scan
from consumers.tables import rows
from events.account import AccountHalted
from events.catalog import LOG_EVENTS, LogEvent
from events.codec import Codec
from events.decision import RecommendationDeclined, RecommendationFailed
from events.order import OrderFilled, OrderIntended, OrderRejected
from events.topics import log_of
from stack.progress import Progress
from stack.up import start

PATIENCE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1
_PARTLY: Final = "TSLA"
_PART: Final = "4"
_DAYS_TO_EXPIRY: Final = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One recommendation, and what the broker is told to do about its order."""

    title: str
    ticker: str
    instrument_type: str = "STOCK"
    fault: Mapping[str, Any] | None = None


SCENES: Final = (
    Scene(title="A stock.", ticker="MSFT"),
    Scene(
        title="An option; the market chooses the contract.", ticker="NVDA", instrument_type="CALL"
    ),
    Scene(
        title="The broker accepts, then the connection breaks: did it arrive?",
        ticker="AAPL",
        fault={"answer": "reset", "accepts": True},
    ),
    Scene(title="The broker refuses.", ticker="AMD"),
    Scene(title="The broker fills in parts.", ticker=_PARTLY),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one scene: the log's events in words, and the broker's own count."""

    title: str
    advice: str
    log: list[str]
    posts: int
    orders: int
    filled: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperResult:
    """Everything the paper demo found."""

    account: str
    scenes: list[Played]
    executed: int
    rejected: int
    posts: int
    orders: int
    positions: dict[str, Decimal]
    positions_at_broker: dict[str, Decimal]
    executions_in_table: int
    seconds: float


def play_paper(directory: Path, progress: Progress) -> PaperResult:
    """Play the paper demo in `directory`, on servers that it starts there; errors as `played`."""
    began = time.monotonic()
    addresses = start(directory / "stack", progress=progress, with_alpaca=True)
    with paper_scene(directory, addresses) as scene:
        return played(scene, progress, began)


def played(scene: PaperScene, progress: Progress, began: float) -> PaperResult:
    """Play every scene, and hold the log against the broker's own books.

    Raises:
        DemoFailed: Something did not end as promised.
    """
    source = RegistrySchemaSource(scene.settings.registry.url)
    check_schemas(source)
    codec = Codec(source)
    _open_the_market(scene)
    dispatcher = scene.dispatch()
    now = SystemClock().now()
    advice = parse_lines(dumps(_line(number, one, now)) for number, one in enumerate(SCENES, 1))
    progress.note(f"{len(advice)} recommendations are in Kafka; dispatching begins.")
    publish(advice, scene.settings, codec)
    deadline = time.monotonic() + PATIENCE_S
    while not _all_is_over(events := _events(scene, codec)):
        if not dispatcher.running:
            require_good_end(dispatcher)
        if time.monotonic() > deadline:
            raise DemoFailed(
                f"not all orders ended within {PATIENCE_S:.0f} s: see {dispatcher.log}"
            )
        if _filled(events, _PARTLY):
            scene.alpaca.quote(_PARTLY, bid="99.98", ask="100.03")  # as much as anybody wants
        time.sleep(_LOOK_EVERY_S)
    dispatcher.stop()
    scene.project()
    result = _result(scene, codec, began)
    source.close()
    _require_equal_books(result)
    return result


def _open_the_market(scene: PaperScene) -> None:
    alpaca = scene.alpaca
    for one in SCENES:
        alpaca.quote(one.ticker, bid="99.98", ask="100.02")
        if one.fault is not None:
            number = SCENES.index(one) + 1
            alpaca.fault(client_order_id=f"{PAPER}-{number}-entry", **one.fault)
    alpaca.quote(_PARTLY, bid="99.98", ask="100.02", ask_size=_PART)
    alpaca.quote("SPY", bid="499.99", ask="500.01")  # by which the doctor tries the market data
    alpaca.instrument("AMD", tradable=False)
    expiry = SystemClock().now().date() + timedelta(days=_DAYS_TO_EXPIRY)
    for strike in (95, 100, 105):
        contract = f"NVDA{expiry:%y%m%d}C{strike * 1000:08d}"
        traded = "20" if strike == 100 else "5000"  # noqa: PLR2004 -- at the money, but too thin
        alpaca.instrument(contract, open_interest=traded)
        alpaca.quote(contract, bid="4.95", ask="5.05", volume=traded, delta="0.5")


def _line(number: int, scene: Scene, now: datetime) -> dict[str, object]:
    at = now.isoformat()
    return {
        "recommendation_id": number,
        "run_id": "5f3c1c1e-3d38-5c8e-9d0a-0d1f5c3f7a11",
        "ticker": scene.ticker,
        "action": "BUY",
        "instrument_type": scene.instrument_type,
        "strategy_type": "swing_trade",
        "confidence": "0.8",
        "issued_at": at,
        "bar_at": at,
        "features_at": at,
        "vix": "20",
        "reference_price": "100",
        "recent_volatility": "0.02",
        "reason": scene.title,
    }


def _events(scene: PaperScene, codec: Codec) -> list[LogEvent]:
    found = (
        codec.decode(message.value())
        for message in scan(scene.settings.kafka.cluster, log_of(PAPER).name)
    )
    return [event for event in found if isinstance(event, LOG_EVENTS)]


def _about(events: Iterable[LogEvent], number: int) -> list[LogEvent]:
    return [event for event in events if event.envelope.recommendation_id == number]


def _filled(events: Iterable[LogEvent], ticker: str) -> Decimal:
    fills = (event for event in events if isinstance(event, OrderFilled) and event.ticker == ticker)
    return max((fill.cumulative_quantity for fill in fills), default=Decimal(0))


def _all_is_over(events: list[LogEvent]) -> bool:
    return all(_is_over(_about(events, number)) for number in range(1, len(SCENES) + 1))


def _is_over(story: list[LogEvent]) -> bool:
    ordered = next((one.terms.quantity for one in story if isinstance(one, OrderIntended)), None)
    return any(
        isinstance(one, OrderRejected | RecommendationDeclined | RecommendationFailed)
        or (isinstance(one, OrderFilled) and one.cumulative_quantity == ordered)
        for one in story
    )


def _result(scene: PaperScene, codec: Codec, began: float) -> PaperResult:
    events = _events(scene, codec)
    halted = next((event for event in events if isinstance(event, AccountHalted)), None)
    if halted is not None:
        raise DemoFailed(f"the account was halted: {halted.reason}")
    posts, orders = scene.alpaca.posts(), scene.alpaca.orders(NUMBER)
    scenes = []
    for number, one in enumerate(SCENES, 1):
        name = f"{PAPER}-{number}-entry"
        theirs = [order for order in orders if order["client_order_id"] == name]
        scenes.append(
            Played(
                title=one.title,
                advice=f"BUY {one.ticker}"
                if one.instrument_type == "STOCK"
                else f"CALL {one.ticker}",
                log=[in_words(event) for event in _about(events, number)],
                posts=sum(post["client_order_id"] == name for post in posts),
                orders=len(theirs),
                filled=sum((Decimal(order["filled_qty"]) for order in theirs), Decimal(0)),
            )
        )
    state = fold(events)
    [row] = rows(scene.settings.postgres_dsn(), "SELECT count(*) AS n FROM dispatch_executions")
    return PaperResult(
        account=PAPER,
        scenes=scenes,
        executed=len({one.client_order_id for one in events if isinstance(one, OrderFilled)}),
        rejected=sum(isinstance(one, OrderRejected) for one in events),
        posts=len(posts),
        orders=len(orders),
        positions={symbol: held.quantity for symbol, held in sorted(state.positions.items())},
        positions_at_broker=_held(_at_broker(scene)),
        executions_in_table=int(row["n"]),
        seconds=round(time.monotonic() - began, 2),
    )


def _at_broker(scene: PaperScene) -> list[BrokerPosition]:
    broker, _ = wire(scene.settings.account(PAPER))
    return list(broker.positions())


def _held(positions: Iterable[BrokerPosition]) -> dict[str, Decimal]:
    return {one.symbol: one.quantity for one in sorted(positions, key=lambda one: one.symbol)}


def _require_equal_books(found: PaperResult) -> None:
    if any(one.posts != 1 or one.orders > 1 for one in found.scenes):
        raise DemoFailed(f"an order was sent twice, or never: {found.scenes}")
    if found.positions != found.positions_at_broker:
        raise DemoFailed(f"the log holds {found.positions}, the broker {found.positions_at_broker}")
    if not found.executions_in_table == found.executed == found.orders:
        raise DemoFailed(
            f"{found.executed} executed in the log, {found.orders} orders at the broker, "
            f"{found.executions_in_table} rows in dispatch_executions"
        )
