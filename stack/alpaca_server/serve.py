"""Serve a fake on two ports: Alpaca's paths on one, the control plane on the other."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from aiohttp import web

from stack.alpaca_server.control_routes import ControlRoutes
from stack.alpaca_server.data_routes import DataRoutes
from stack.alpaca_server.door import RELEASED, STREAM_PATH, door_to
from stack.alpaca_server.house import House
from stack.alpaca_server.stream import Stream
from stack.alpaca_server.trading_routes import TradingRoutes

_HOST: Final = "127.0.0.1"
_TICK_S: Final = 0.02
_TURNS_TO_ACCEPT: Final = 10
"""As many turns of the loop as asyncio takes at most to make a transport of an accepted socket. One
that it makes after its server was closed is never closed itself."""


async def serve(
    *,
    port: int,
    control_port: int,
    journal: Path | None = None,
    stopped: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Serve until `stopped`; `ready` is called once both ports listen.

    Raises OSError when a port is taken.
    """
    house = House(journal)
    stream = Stream(house)
    house.tell = stream.tell
    alpaca = web.Application(middlewares=[door_to(house, stream.flush)])
    alpaca[RELEASED] = [asyncio.Event()]
    alpaca.add_routes([*TradingRoutes(house).routes(), *DataRoutes(house).routes()])
    alpaca.router.add_get(STREAM_PATH, stream.handle)
    async with AsyncExitStack() as stack:
        stack.callback(house.close)
        door = await _door(alpaca, port, stack)
        control = web.Application()
        control.add_routes(ControlRoutes(house, stream, alpaca, door).routes())
        await door.listen(is_open=True)
        await (await _door(control, control_port, stack)).listen(is_open=True)
        ticking = asyncio.create_task(_tick(house, stream))
        stack.callback(ticking.cancel)
        ready()
        await stopped.wait()
        alpaca[RELEASED][-1].set()
        await stream.drop(None, abruptly=False)


class _Door:
    """A listening socket that can be closed, so that connections are refused, and opened again."""

    def __init__(self, server: web.Server, port: int) -> None:
        self._server = server
        self._port = port
        self._listening: asyncio.Server | None = None

    async def listen(self, *, is_open: bool) -> None:
        loop = asyncio.get_running_loop()
        if is_open and self._listening is None:
            self._listening = await loop.create_server(
                self._server, _HOST, self._port, reuse_address=True
            )
        elif not is_open and self._listening is not None:
            listening, self._listening = self._listening, None
            for socket in listening.sockets:
                loop.remove_reader(socket.fileno())
            for _ in range(_TURNS_TO_ACCEPT):
                await asyncio.sleep(0)
            listening.close()
            for connection in list(self._server.connections):
                connection.force_close()  # kept-alive connections must not survive the door


async def _door(application: web.Application, port: int, stack: AsyncExitStack) -> _Door:
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    if runner.server is None:
        raise RuntimeError("a runner that is set up has a server")
    door = _Door(runner.server, port)
    stack.push_async_callback(door.listen, is_open=False)
    return door


async def _tick(house: House, stream: Stream) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        if house.is_due():
            house.do("tick")
        await stream.flush()
