"""Alpaca's trade updates: what became of orders, told as it happens, on a websocket of its own.

The stream repeats nothing after a reconnect, so each connection begins by asking for every order
that is new or has filled since a moment before the last word. What is told twice, late or out of
order does no harm: a report carries cumulative figures, and the log takes up what it does not know
yet.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeAlias

import structlog

from brokers.alpaca.bodies import order_report
from brokers.alpaca.credentials import Credentials
from brokers.broker import OrderReport

OVERLAP: Final = timedelta(minutes=5)
"""How far before the last word a new connection asks back: clocks differ, and words are late."""

Backfill: TypeAlias = Callable[[datetime], list[OrderReport]]
"""Returns every order that was created or filled since a time, or raises `BrokerUnavailable`."""


class TradeUpdates:
    """One account's stream, in a thread of its own; `backfill` asks for orders since a time."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        backfill: Backfill,
        now: Callable[[], datetime],
    ) -> None:
        """Be ready to listen at `url`, such as ``wss://paper-api.alpaca.markets/stream``."""
        self._url = url
        self._credentials = credentials
        self._backfill = backfill
        self._heard_at = now()
        self._now = now
        self._reports: SimpleQueue[OrderReport] = SimpleQueue()
        self._thread: Thread | None = None
        self._stream: Any = None
        self._connections = 0
        self._is_connected = False
        # Its lines come from a thread of its own; they are about the same run as those around here.
        self._log = structlog.get_logger(**structlog.contextvars.get_contextvars())

    def listen(self) -> None:
        """Start to listen, once; what is told waits for `drain`."""
        if self._thread is not None:
            return
        self._stream = self._made()
        self._thread = Thread(target=self._stream.run, name="trade-updates", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> int:
        """The number of the connection that tells of orders now, 0 while there is none."""
        return self._connections if self._is_connected else 0

    def drain(self) -> Iterator[OrderReport]:
        """Yield what has been told since the last call, without waiting."""
        while True:
            try:
                yield self._reports.get_nowait()
            except Empty:
                return

    def close(self) -> None:
        """Stop listening, at once and without waiting; once closed it listens no more."""
        if self._stream is not None:
            self._stream.end()

    def _made(self) -> Any:  # noqa: ANN401 -- alpaca-py's, imported late
        # It takes a second to import, and most commands listen to nothing.
        from alpaca.trading.stream import TradingStream  # noqa: PLC0415

        outer = self

        class Stream(TradingStream):
            """Asks back at each connection, once it is sure to miss nothing more."""

            _is_over = False

            async def _start_ws(self) -> None:
                if self._is_over:  # before there was a loop that could have been told
                    self._should_run = False
                    return
                try:
                    await super()._start_ws()  # type: ignore[no-untyped-call]
                    await asyncio.to_thread(outer._ask_back)
                except Exception as error:
                    outer._log.warning("trade_updates_unavailable", error=outer._in_words(error))
                    raise

            async def _consume(self) -> None:
                if self._is_over:  # before there was a connection that could have been closed
                    self._should_run = False
                    await self.close()
                    return
                outer._connections += 1
                outer._is_connected = True
                try:
                    await super()._consume()  # type: ignore[no-untyped-call]
                finally:
                    outer._is_connected = False

            def end(self) -> None:
                """Let the thread run out: alpaca-py's own way waits up to 5 s for it."""
                self._is_over = True
                self._should_run = False
                loop = self._loop
                if loop is None or loop.is_closed():
                    return
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    asyncio.run_coroutine_threadsafe(self._end(), loop)

            async def _end(self) -> None:
                if self._stop_stream_event is not None:
                    self._stop_stream_event.set()
                await self.close()

        # What it tells of a broken connection is told here, in lines of ours.
        logging.getLogger("alpaca.trading.stream").disabled = True
        stream = Stream(
            self._credentials.key_id.get_secret_value(),
            self._credentials.secret.get_secret_value(),
            raw_data=True,
            url_override=self._url,
        )
        stream.subscribe_trade_updates(self._take)
        return stream

    def _in_words(self, error: Exception) -> str:
        said = f"{type(error).__name__}: {error}".encode()
        return self._credentials.removed_from(said).decode()

    def _ask_back(self) -> None:
        now = self._now()
        missed = self._backfill(self._heard_at - OVERLAP)
        self._log.info(
            "trade_updates_heard",
            silent_s=round((now - self._heard_at).total_seconds(), 3),
            asked_back=len(missed),
        )
        self._heard_at = now
        for report in missed:
            self._reports.put(report)

    async def _take(self, message: Any) -> None:  # noqa: ANN401 -- a foreign message
        self._heard_at = self._now()
        data = message.get("data") if isinstance(message, dict) else None
        found = data.get("order") if isinstance(data, dict) else None
        report = order_report(found)
        if report is None:
            # What it was about shows when the order is looked up, as every working one is.
            self._log.warning("trade_update_unreadable", kind=_kind(data))
            return
        self._reports.put(report)


def _kind(data: object) -> str:
    return str(data.get("event"))[:50] if isinstance(data, dict) else "none"
