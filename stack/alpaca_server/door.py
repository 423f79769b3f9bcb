"""Alpaca's own paths: who asks, how often, what goes wrong, and a receipt of all of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from stack.alpaca_server.account import Account
from stack.alpaca_server.errors import Refusal, unauthorized
from stack.alpaca_server.faults import Fault
from stack.alpaca_server.house import House, wall_seconds
from stack.alpaca_server.receipts import Receipt
from stack.alpaca_server.replies import answer, spoil
from stack.alpaca_server.values import json_in

ACCOUNT: Final = web.RequestKey("account", Account)
RECEIPT: Final = web.RequestKey("receipt", Receipt)
BODY: Final = web.RequestKey("body", object)
RELEASED: Final = web.AppKey("released", list[asyncio.Event])
STREAM_PATH: Final = "/stream"


def door_to(house: House, flush: Callable[[], Awaitable[None]]) -> Middleware:
    """Make the middleware in front of every path that is Alpaca's.

    `flush` sends what the stream has to tell; it comes before the answer to the request.
    """

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == STREAM_PATH:
            return await handler(request)
        account = house.brokerage.by_keys(
            request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")
        )
        raw = await request.text()
        receipt = _receipt(house, request, account, raw)
        fault = house.faults.take(
            request.method, request.path, receipt.account, receipt.client_order_id
        )
        reply: web.StreamResponse = answer({"message": "unavailable"}, status=503)
        if fault is None or fault.accepts or fault.answer == "usual":
            reply = await _reply(house, request, handler, account, raw)
            await flush()
        if (fault is None or fault.rate_limit_headers) and account is not None:
            window = house.window(account, data=_is_data(request.path))
            reply.headers.update(window.headers())
        receipt.status = reply.status
        receipt.answer = str(reply.status) if fault is None else fault.answer
        receipt.fault = "" if fault is None else fault.label
        house.note(receipt)
        if fault is not None and isinstance(reply, web.Response):
            return await _spoilt(fault, reply, request)
        return reply

    return door


async def _spoilt(fault: Fault, reply: web.Response, request: web.Request) -> web.StreamResponse:
    kept = {name: value for name, value in reply.headers.items() if name.startswith("X-Rate")}
    spoilt = await spoil(fault, reply, request, request.app[RELEASED][-1])
    if not spoilt.prepared:
        spoilt.headers.update({**kept, **fault.headers})
    return spoilt


async def _reply(
    house: House, request: web.Request, handler: Handler, account: Account | None, raw: str
) -> web.StreamResponse:
    try:
        request[ACCOUNT] = _admitted(house, account, request.path)
        request[BODY] = _json(raw) if raw else None
        if house.is_due():
            house.do("tick")
        reply = await handler(request)
        if request[RECEIPT].outcome == "unseen":
            request[RECEIPT].outcome = "done"
    except Refusal as refusal:
        request[RECEIPT].outcome = "refused"
        return answer(refusal.body, status=refusal.status)
    except web.HTTPException as missing:
        request[RECEIPT].outcome = "refused"
        return answer({"message": f"{missing.reason}"}, status=missing.status)
    return reply


def _admitted(house: House, account: Account | None, path: str) -> Account:
    if account is None:
        raise unauthorized()
    if not house.window(account, data=_is_data(path)).take(wall_seconds()):
        raise Refusal(429, 42910000, "too many requests.")
    return account


def _receipt(house: House, request: web.Request, account: Account | None, raw: str) -> Receipt:
    request[RECEIPT] = house.receipts.open(
        received_at=house.clock.now(),
        method=request.method,
        path=request.path,
        query=request.query_string,
        account=None if account is None else account.number,
        client_order_id=_client_order_id(request, raw),
        body=raw,
    )
    return request[RECEIPT]


def _client_order_id(request: web.Request, raw: str) -> str:
    try:
        body = json_in(raw) if raw else {}
    except ValueError:
        body = {}
    named = body.get("client_order_id") if isinstance(body, Mapping) else None
    return str(named or request.query.get("client_order_id", ""))


def _json(raw: str) -> object:
    try:
        return json_in(raw)
    except ValueError as error:
        raise Refusal(400, 40010000, "request body format is invalid") from error


def _is_data(path: str) -> bool:
    return path.startswith(("/v2/stocks/", "/v1beta1/"))
