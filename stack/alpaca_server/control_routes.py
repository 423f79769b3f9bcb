"""The control plane: what a test says to the fake. Its door is a port of its own.

Every path is `POST /control/<name>` with a JSON object; `AlpacaControl` speaks to it.
"""

import asyncio
from dataclasses import asdict
from typing import Any, Final, Protocol

from aiohttp import web

from stack.alpaca_server.door import RELEASED
from stack.alpaca_server.errors import Refusal
from stack.alpaca_server.house import House
from stack.alpaca_server.order import Order
from stack.alpaca_server.order_view import order_view
from stack.alpaca_server.replies import answer
from stack.alpaca_server.stream import Stream
from stack.alpaca_server.values import json_in, nanos, stamp

CHANGES: Final = frozenset(
    {
        "add_account",
        "change_account",
        "swap_keys",
        "place",
        "accept_order",
        "fill_order",
        "finish_order",
        "end_day",
        "hold",
        "settle_option",
        "set_quote",
        "set_instrument",
        "set_hours",
        "set_day",
        "set_habits",
    }
)
"""The changes of a brokerage that a test may make."""


class Door(Protocol):
    """The listening socket of Alpaca's own paths."""

    async def listen(self, *, is_open: bool) -> None:
        """Open it, or close it so that connections are refused."""
        ...


class ControlRoutes:
    """Handlers of one house; `door` is that of Alpaca's own paths, `alpaca`."""

    def __init__(self, house: House, stream: Stream, alpaca: web.Application, door: Door) -> None:
        self._house = house
        self._stream = stream
        self._alpaca = alpaca
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        """Return every path with its handler."""
        return [web.post("/control/{name}", self.control)]

    async def control(self, request: web.Request) -> web.Response:
        """Do what a test says."""
        name = request.match_info["name"]
        try:
            result = await self._do(name, json_in(await request.text()))
        except Refusal as refusal:
            return answer(refusal.body, status=refusal.status)
        except (TypeError, ValueError, ArithmeticError) as error:
            return answer({"message": f"{name}: {error}"}, status=400)
        await self._stream.flush()
        return answer(result)

    async def _do(self, name: str, said: object) -> object:
        if not isinstance(said, dict):
            raise Refusal(400, None, "the body must be a JSON object")
        if name in CHANGES:
            done = self._house.do(name, **said)
            return order_view(done) if isinstance(done, Order) else {}
        handler = getattr(self, f"_on_{name}", None)
        if handler is None:
            raise Refusal(404, None, f"the control plane has no {name}")
        return await handler(**said)

    async def _on_fault(self, **fault: Any) -> dict[str, Any]:  # noqa: ANN401 -- fields of Fault
        self._house.faults.plan(fault)
        return {}

    async def _on_faults(self, *, clear: bool = False) -> dict[str, Any]:
        if clear:
            self._house.faults.clear()
            self._house.hidden.clear()
        return {"pending": self._house.faults.pending()}

    async def _on_release(self) -> dict[str, Any]:
        released = self._alpaca[RELEASED]
        released[-1].set()
        released.append(asyncio.Event())
        return {}

    async def _on_hide(
        self,
        client_order_id: str | None = None,
        lookups: int | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        self._house.hidden.hide(client_order_id, lookups=lookups, seconds=seconds)
        return {}

    async def _on_time(self, at: str | None = None, *, running: bool = True) -> dict[str, Any]:
        if at is None:
            self._house.clock.use_wall_clock()
        else:
            self._house.clock.set(nanos(at), running=running)
        self._house.do("set_clock")
        return {"now": stamp(self._house.clock.now())}

    async def _on_advance(self, seconds: int) -> dict[str, Any]:
        self._house.clock.advance(seconds)
        self._house.do("tick")
        return {"now": stamp(self._house.clock.now())}

    async def _on_rate_limit(self, per_minute: int, window_s: int) -> dict[str, Any]:
        self._house.rate_limit, self._house.rate_window_s = per_minute, window_s
        self._house.rates.clear()
        return {}

    async def _on_listener(self, *, is_open: bool) -> dict[str, Any]:
        await self._door.listen(is_open=is_open)
        return {}

    async def _on_stream(
        self, *, is_open: bool | None = None, manner: str | None = None
    ) -> dict[str, Any]:
        if is_open is not None:
            self._stream.is_open = is_open
        if manner is not None:
            if manner not in {"usual", "doubled", "held", "lost"}:
                raise Refusal(400, None, f"no such manner: {manner}")
            self._stream.manner = manner  # type: ignore[assignment] # checked the line before
        return {}

    async def _on_stream_drop(
        self, number: str | None = None, *, abruptly: bool = False
    ) -> dict[str, Any]:
        await self._stream.drop(number, abruptly=abruptly)
        return {}

    async def _on_stream_release(self, *, backwards: bool = False) -> dict[str, Any]:
        self._stream.release(backwards=backwards)
        return {}

    async def _on_stream_send(self, number: str, data: dict[str, Any]) -> dict[str, Any]:
        self._stream.add(number, data)
        return {}

    async def _on_ledger(
        self, number: str | None = None, *, requests: bool = True
    ) -> dict[str, Any]:
        accounts = {
            name: account
            for name, account in self._house.brokerage.accounts.items()
            if number in {None, name}
        }
        return {
            "now": stamp(self._house.clock.now()),
            "requests": self._house.receipts.as_json() if requests else [],
            "accounts": {
                name: {
                    "orders": [
                        {
                            **order_view(order),
                            "parent_id": order.parent_id,
                            "leg": order.leg,
                            "from_stranger": order.from_stranger,
                            "fills": [asdict(fill) for fill in order.fills],
                        }
                        for order in account.orders.values()
                    ],
                    "activities": account.activities,
                    "listeners": self._stream.listening(name),
                }
                for name, account in accounts.items()
            },
        }
