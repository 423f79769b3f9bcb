"""Run a fake Alpaca in a thread of this process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from stack.alpaca_server.control import AlpacaControl
from stack.errors import ServerError
from stack.ports import HOST, free_port

_WITHIN_S: Final = 10


@contextmanager
def running_alpaca(
    journal: Path | None = None, *, port: int | None = None
) -> Iterator[AlpacaControl]:
    """Yield a fake that listens; it ends with the block. A `journal` keeps its ledger.

    Raises ServerError when it does not come up.
    """
    port = port or free_port()
    control_port = free_port(frozenset({port}))
    listens, loop_box, failures = Event(), list[_Stopper](), list[BaseException]()

    async def run() -> None:
        from stack.alpaca_server.serve import serve  # noqa: PLC0415 -- aiohttp is slow to import

        stopper = _Stopper()
        loop_box.append(stopper)
        await serve(
            port=port,
            control_port=control_port,
            journal=journal,
            stopped=stopper.stopped,
            ready=listens.set,
        )

    def live() -> None:
        try:
            asyncio.run(run())
        except OSError as error:
            failures.append(error)
            listens.set()

    thread = Thread(target=live, name="fake-alpaca", daemon=True)
    thread.start()
    if not listens.wait(_WITHIN_S) or failures:
        raise ServerError(f"The fake Alpaca did not come up: {failures or 'no answer'}.")
    try:
        yield AlpacaControl(f"http://{HOST}:{port}", f"http://{HOST}:{control_port}")
    finally:
        loop_box[0].stop()
        thread.join(_WITHIN_S)


class _Stopper:
    """Ends a loop from another thread."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self.stopped.set)
