"""The `trade_updates` stream: authenticate, listen, then messages as binary frames of JSON.

As at Alpaca nothing is repeated for those who were away, and order is not promised.
"""

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from stack.alpaca_server.exchange import Update
from stack.alpaca_server.faults import Manner
from stack.alpaca_server.house import House
from stack.alpaca_server.values import json_text

_NORMAL, _GOING_AWAY = 1000, 1001


@dataclass(slots=True, eq=False)
class _Listener:
    socket: web.WebSocketResponse
    number: str | None = None
    listens: bool = False


@dataclass(slots=True)
class Stream:
    """Everybody who listens, and how messages are treated on their way."""

    house: House
    is_open: bool = True
    manner: Manner = "usual"
    _listeners: list[_Listener] = field(default_factory=list)
    _held: list[Update] = field(default_factory=list)
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _outbox: defaultdict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def tell(self, update: Update) -> None:
        """Take an update on its way; `flush` sends it."""
        if self.manner == "held":
            self._held.append(update)
        elif self.manner != "lost":
            copies = 2 if self.manner == "doubled" else 1
            self._outbox[update.number] += [update.data] * copies

    def release(self, *, backwards: bool) -> None:
        """Send what was held, the last first if `backwards`."""
        held, self._held = self._held, []
        for update in reversed(held) if backwards else held:
            self._outbox[update.number].append(update.data)

    def add(self, number: str, data: dict[str, Any]) -> None:
        """Send a message of the test's own making."""
        self._outbox[number].append(data)

    async def flush(self) -> None:
        """Send everything that is on its way."""
        async with self._sending:  # one after the other, or a later message could overtake
            outbox, self._outbox = self._outbox, defaultdict(list)
            for number, messages in outbox.items():
                for listener in self._listeners_to(number):
                    for data in messages:
                        await _send(listener.socket, {"stream": "trade_updates", "data": data})

    def listening(self, number: str) -> int:
        """Return how many listen to an account's updates now."""
        return len(self._listeners_to(number))

    async def drop(self, number: str | None, *, abruptly: bool) -> None:
        """Cut off those who listen to an account (None: everybody)."""
        for listener in list(self._listeners):
            if number not in {None, listener.number}:
                continue
            self._listeners.remove(listener)
            transport = listener.socket.get_extra_info("socket")
            if abruptly and transport is not None:
                transport.shutdown(2)
            else:
                with suppress(ConnectionError):  # who is gone need not be told
                    await listener.socket.close(code=_GOING_AWAY)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one listener until it goes or is cut off."""
        if not self.is_open:
            return web.Response(status=503)
        listener = _Listener(web.WebSocketResponse(autoping=True))
        await listener.socket.prepare(request)
        self._listeners.append(listener)
        try:
            async for message in listener.socket:
                await self._hear(listener, message)
        finally:
            if listener in self._listeners:
                self._listeners.remove(listener)
        return listener.socket

    async def _hear(self, listener: _Listener, message: WSMessage) -> None:
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return
        try:
            said = json.loads(message.data)
            action, data = said["action"], said.get("data", said)
        except (ValueError, KeyError, TypeError, AttributeError):
            await listener.socket.close(code=_NORMAL)
            return
        if action in {"authenticate", "auth"}:
            await self._authenticate(listener, data)
        elif action == "listen" and listener.number is not None:
            streams = [name for name in data.get("streams", ()) if name == "trade_updates"]
            listener.listens = bool(streams)
            await _send(listener.socket, {"stream": "listening", "data": {"streams": streams}})
        else:
            await self._refuse(listener, action)

    async def _authenticate(self, listener: _Listener, data: dict[str, Any]) -> None:
        keys = (data.get("key_id", data.get("key")), data.get("secret_key", data.get("secret")))
        account = self.house.brokerage.by_keys(*keys)
        if account is None:
            await self._refuse(listener, "authenticate")
            return
        listener.number = account.number
        status = {"action": "authenticate", "status": "authorized"}
        await _send(listener.socket, {"stream": "authorization", "data": status})

    async def _refuse(self, listener: _Listener, action: str) -> None:
        status = {"action": action, "status": "unauthorized"}
        await _send(listener.socket, {"stream": "authorization", "data": status})
        await listener.socket.close(code=_NORMAL)

    def _listeners_to(self, number: str) -> list[_Listener]:
        return [each for each in self._listeners if each.number == number and each.listens]


async def _send(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    if not socket.closed:
        try:
            await socket.send_bytes(json_text(message).encode())
        except ConnectionError:
            return  # it has gone: nobody is told twice
