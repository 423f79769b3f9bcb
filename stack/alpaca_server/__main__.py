"""`python -m stack.alpaca_server`: a fake Alpaca as a process of its own."""

import argparse
import asyncio
import signal
from pathlib import Path

from stack.alpaca_server.serve import serve


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="alpaca_server", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--journal", type=Path, help="keep the ledger in this file")
    parser.add_argument("--mark", help="a word that tells this process from others")
    chosen = parser.parse_args()
    asyncio.run(_serve(chosen.port, chosen.control_port, chosen.journal))


async def _serve(port: int, control_port: int, journal: Path | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    await serve(
        port=port,
        control_port=control_port,
        journal=journal,
        stopped=stopped,
        ready=lambda: print("The fake Alpaca listens.", flush=True),  # noqa: T201 -- its log
    )


if __name__ == "__main__":
    main()
