"""A fake that keeps its ledger in a file, in a thread or as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.alpaca_server.control import AlpacaControl
from stack.alpaca_server.control_faults import ControlError
from stack.alpaca_server.running import running_alpaca
from stack.ports import free_port
from tests.alpaca.client import Client

OPEN = "2026-11-24T15:00:00Z"


def opened(alpaca: AlpacaControl) -> Client:
    alpaca.set_time(OPEN)
    account = alpaca.add_account("PA1")
    alpaca.quote("AAPL", bid="99.98", ask="100.02")
    return Client(alpaca, account)


def test_a_restart_remembers_everything_that_was_accepted(tmp_path: Path) -> None:
    journal = tmp_path / "alpaca.journal"
    with running_alpaca(journal) as alpaca:
        client = opened(alpaca)
        client.place("filled", qty="0.057436865")
        client.place("working", limit_price="90")
        client.refusal(client_order_id="filled")
        with pytest.raises(ControlError, match="400"):
            alpaca.quote("AAPL", bid="many", ask="more")
        ledger, posts = alpaca.orders("PA1"), alpaca.posts()
        account = client.get("/v2/account")

    with running_alpaca(journal) as again:
        again.set_time(OPEN)
        back = Client(again, client.account)
        assert again.orders("PA1") == ledger
        assert again.posts() == posts
        assert back.get("/v2/account") == account
        assert back.refusal(client_order_id="filled")[1] == 40010001
        again.quote("AAPL", bid="89", ask="89.5")
        assert back.find("working")["status"] == "filled"


@contextmanager
def process(journal: Path) -> Iterator[tuple[AlpacaControl, subprocess.Popen[str]]]:
    port, control_port = free_port(), free_port()
    command = [sys.executable, "-m", "stack.alpaca_server", "--journal", str(journal)]
    command += ["--port", str(port), "--control-port", str(control_port)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "The fake Alpaca listens.\n"
        yield (
            AlpacaControl(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{control_port}"),
            running,
        )
    finally:
        if running.poll() is None:
            running.terminate()
        running.wait(10)
        if running.stdout is not None:
            running.stdout.close()


def test_a_killed_process_has_what_it_had_answered(tmp_path: Path) -> None:
    journal = tmp_path / "alpaca.journal"
    with process(journal) as (alpaca, running):
        client = opened(alpaca)
        order = client.place("one")
        os.kill(running.pid, signal.SIGKILL)
        running.wait(10)
    with journal.open("ab") as torn:
        torn.write(b'{"at": 17')

    with process(journal) as (again, running):
        again.set_time(OPEN)
        found = Client(again, client.account).find("one")
        running.terminate()
        assert running.wait(10) == 0

    assert (found["id"], found["status"]) == (order["id"], "filled")
