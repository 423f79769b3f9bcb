"""The fake Alpaca as a part of a stack: only where it is asked for, and kept from then on."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from stack import place as places
from stack import servers
from stack.alpaca import Alpaca
from stack.alpaca_server.control import AlpacaControl
from stack.assign import NO_PORTS, assign_ports
from stack.errors import StackConfigError
from stack.lifecycle import bring_down, bring_up
from stack.progress import Silent
from stack.up import servers_of
from tests.alpaca.client import Client


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Alpaca]:
    """A stack of which nothing runs but the fake Alpaca."""
    place = places.found(places.prepare(tmp_path / "stack"))
    place = assign_ports(place, (Alpaca(place),), NO_PORTS, Silent())
    alpaca = Alpaca(place)
    bring_up(alpaca, Silent(), Event())
    yield alpaca
    bring_down(alpaca, Silent())


def test_a_stack_has_a_fake_alpaca_only_once_it_was_asked_for(tmp_path: Path, fake: Alpaca) -> None:
    usual = places.found(places.prepare(tmp_path / "usual"))

    assert [server.name for server in servers_of(usual)] == ["kafka", "registry", "postgres"]
    assert [server.name for server in servers_of(usual, with_alpaca=True)][3:] == ["alpaca"]
    assert [server.name for server in servers_of(fake.place)][3:] == ["alpaca"]
    usual.with_state(ports={"kafka": 1})
    with pytest.raises(StackConfigError, match="stack up --with alpaca"):
        servers.find(usual.root, "alpaca")


def test_a_killed_fake_alpaca_comes_back_with_its_orders_on_its_port(fake: Alpaca) -> None:
    alpaca = AlpacaControl(fake.address, fake.control_address)
    client = Client(alpaca, alpaca.add_account("PA1"))
    alpaca.set_hours("open")
    alpaca.quote("AAPL", bid="99.98", ask="100.02")
    order = client.place("one")
    process = fake.pid_file.process()
    assert process is not None
    process.kill()
    process.wait(10)

    bring_up(fake, Silent(), Event())

    client.session.close()
    found = Client(alpaca, client.account).find("one")
    assert (found["id"], found["status"]) == (order["id"], "filled")
