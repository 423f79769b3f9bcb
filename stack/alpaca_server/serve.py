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
        door = _Door(await _runner(alpaca, stack), port)
        control = web.Application()
        control.add_routes(ControlRoutes(house, stream, alpaca, door).routes())
        await door.listen(is_open=True)
        await web.TCPSite(await _runner(control, stack), _HOST, control_port).start()
        ticking = asyncio.create_task(_tick(house, stream))
        stack.callback(ticking.cancel)
        ready()
        await stopped.wait()
        alpaca[RELEASED][-1].set()
        await stream.drop(None, abruptly=False)


class _Door:
    """A listening socket that can be closed, so that connections are refused, and opened again."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self._port = port
        self._site: web.TCPSite | None = None

    async def listen(self, *, is_open: bool) -> None:
        if is_open and self._site is None:
            self._site = web.TCPSite(self._runner, _HOST, self._port, reuse_address=True)
            await self._site.start()
        elif not is_open and self._site is not None:
            site, self._site = self._site, None
            await site.stop()
            server = self._runner.server
            for connection in [] if server is None else list(server.connections):
                connection.force_close()  # kept-alive connections must not survive the door


async def _runner(application: web.Application, stack: AsyncExitStack) -> web.AppRunner:
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _tick(house: House, stream: Stream) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        if house.is_due():
            house.do("tick")
        await stream.flush()
