"""Answers, and the many ways in which a fault spoils one."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from stack.alpaca_server.faults import Fault
from stack.alpaca_server.values import json_text

_HTML: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_RESET: Final = struct.pack("ii", 1, 0)


def answer(value: object, *, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(
        text=json_text(value), status=status, content_type="application/json", charset="utf-8"
    )


async def spoil(
    fault: Fault, usual: web.Response, request: web.Request, released: asyncio.Event
) -> web.StreamResponse:
    """Answer as a fault wants it; `usual` is what would have been answered."""
    if fault.delay_ms:
        await asyncio.sleep(fault.delay_ms / 1000)
    if fault.answer == "hang":
        await released.wait()
        return _cut_off(request, reset=False)
    if fault.answer in {"reset", "close"}:
        return _cut_off(request, reset=fault.answer == "reset")
    if fault.answer == "cut":
        return await _half(usual, request)
    if fault.answer == "usual":
        return usual
    content: dict[str, Any] = {"text": fault.body, "content_type": "application/json"}
    if fault.answer == "html":
        content = {"text": fault.body or _HTML.format(fault.status), "content_type": "text/html"}
    elif fault.answer == "empty":
        content = {"body": b""}
    return web.Response(status=fault.status, **content)


async def _half(usual: web.Response, request: web.Request) -> web.StreamResponse:
    body = usual.body if isinstance(usual.body, bytes) else b""
    broken = web.StreamResponse(status=usual.status, headers=usual.headers)
    broken.content_length = len(body)
    with suppress(ConnectionError):  # the client has gone: it is cut off already
        await broken.prepare(request)
        await broken.write(body[: len(body) // 2])
    _cut_off(request, reset=False)
    return broken


def _cut_off(request: web.Request, *, reset: bool) -> web.StreamResponse:
    transport = request.transport
    if transport is not None and reset:
        held = transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    elif transport is not None:
        transport.close()
    return web.Response(status=500)  # goes nowhere: the connection is closed
