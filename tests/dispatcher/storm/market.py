"""What happens at the broker meanwhile: quotes, advice, an unreliable stream, closed doors."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from threading import Event, Thread
from typing import Any, Final

from consumers.clock import SystemClock
from events.recommendation import Action, InstrumentType, RecommendationIssued
from tests.builders import an_option
from tests.dispatcher.paper import Desk, advice

FIRST_WAVE: Final = range(1, 7)
SECOND_WAVE: Final = range(7, 11)
WAVES_APART_S: Final = 1.0
_MANNERS: Final = ("usual", "usual", "doubled", "held", "lost")
_STILL_OPEN: Final = {"new", "accepted", "partially_filled", "pending_new", "pending_cancel"}
_STRIKE: Final = 100


class Exchange:
    """The fake's market, and whoever shakes it."""

    def __init__(self, desk: Desk, chance: random.Random) -> None:
        """Open a market of stocks that fill at once, piece by piece, or not at all."""
        self._desk, self._alpaca, self._chance = desk, desk.alpaca, chance
        self._expiry = (SystemClock().now() + timedelta(days=20)).date()
        self._call = f"SPY{self._expiry:%y%m%d}C{_STRIKE * 1000:08d}"
        self._alpaca.rate_limit(10_000, window_s=1)  # or one 429 would hold orders for a minute
        for symbol in ("PEP", "GOOG", "NVDA", "BAD", "SPY"):
            self._quote(symbol)
        self._alpaca.instrument("BAD", tradable=False)
        self._alpaca.instrument(self._call, open_interest="5000")
        self._alpaca.quote(self._call, bid="4.95", ask="5.05", volume="5000", delta="0.5")
        self._quote("AAPL", ask_size="3.5")
        self._quote("KO", ask_size="0")

    def advise(self) -> None:
        """Publish the first wave of advice, and a moment later the second, with repetitions."""
        now = SystemClock().now()
        nearly_stale: dict[str, Any] = {"issued_at": now - timedelta(seconds=296)}
        call = an_option(symbol=self._call, strike=Decimal(_STRIKE), expiry=self._expiry)
        option: dict[str, Any] = {
            "instrument_type": InstrumentType.CALL,
            "option": call,
            "stop": None,
        }
        told: list[tuple[str, dict[str, Any]]] = [
            ("MSFT", {}),
            ("AAPL", {}),
            ("KO", {}),
            ("SPY", option),
            ("BAD", {}),
            ("PEP", nearly_stale),
        ]
        first = _advice(FIRST_WAVE, told)
        self._desk.publish(*first)
        Event().wait(WAVES_APART_S)
        sale: dict[str, Any] = {"action": Action.SELL, "stop": None, "target": None}
        told = [("MSFT", sale), ("GOOG", {}), ("NVDA", {}), ("SPY", {})]
        second = _advice(SECOND_WAVE, told)
        self._desk.publish(first[0], *second, first[2], second[1])

    @contextmanager
    def in_a_storm(self) -> Iterator[None]:
        """Shake everything for as long as the block lasts."""
        with self._going_on(self._shake, 0.3):
            yield
        self._alpaca.accept_connections()
        self._alpaca.stream_manner("usual")
        self._alpaca.release_stream(backwards=True)
        self._alpaca.habits()

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Fill or end what still rests, for as long as the block lasts."""
        self._quote("AAPL")
        with self._going_on(self._end_what_rests, 1.0):
            yield

    @contextmanager
    def _going_on(self, what: Any, pause_s: float) -> Iterator[None]:  # noqa: ANN401 -- a method
        over, failures = Event(), list[BaseException]()

        def go_on() -> None:
            try:
                while not over.wait(self._chance.uniform(0.3, 1.5) * pause_s):
                    what()
            except BaseException as error:  # noqa: BLE001 -- raised in the test's own thread
                failures.append(error)

        thread = Thread(target=go_on, name="exchange")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if failures:
            raise failures[0]

    def _shake(self) -> None:
        chance, alpaca = self._chance, self._alpaca
        number = chance.choice(list(self._desk.numbers.values()))
        alpaca.stream_manner(chance.choice(_MANNERS))
        if chance.random() < 0.4:
            alpaca.release_stream(backwards=chance.random() < 0.7)
        if chance.random() < 0.5:
            alpaca.drop_streams(number, abruptly=chance.random() < 0.5)
        if chance.random() < 0.1:
            alpaca.refuse_connections()
            Event().wait(chance.uniform(0.05, 0.25))
            alpaca.accept_connections()
        alpaca.habits(
            accept_after_ms=chance.choice((0, 0, 80)),
            fill_after_ms=chance.choice((0, 0, 150)),
            funds_before_id=chance.random() < 0.3,
        )
        self._quote("AAPL", ask_size=f"{chance.uniform(1, 4):.9f}")

    def _end_what_rests(self) -> None:
        for number in self._desk.numbers.values():
            for order in self._alpaca.orders(number):
                if order["symbol"] == "KO" and order["status"] in _STILL_OPEN:
                    self._end(number, order)

    def _end(self, number: str, order: dict[str, Any]) -> None:
        name, how = order["client_order_id"], self._chance.random()
        if how < 0.3:
            self._alpaca.fill(number, name)
            return
        if how < 0.6 and order["filled_qty"] == "0":
            self._alpaca.fill(number, name, qty="1.000000001")
        self._alpaca.finish(number, name, "canceled" if self._chance.random() < 0.6 else "expired")

    def _quote(self, symbol: str, **more: str) -> None:
        self._alpaca.quote(symbol, bid="99.98", ask="100.02", **more)


def _advice(numbers: range, told: list[tuple[str, dict[str, Any]]]) -> list[RecommendationIssued]:
    return [
        advice(number, ticker=ticker, **more)
        for number, (ticker, more) in zip(numbers, told, strict=True)
    ]
