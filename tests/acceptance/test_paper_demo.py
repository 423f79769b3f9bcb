"""The paper demo, on services that run already: the fake misbehaves, and the books are equal."""

import time
from decimal import Decimal
from pathlib import Path

import pytest

from cli.demo.paper import PaperResult, played
from cli.demo.paper_scene import paper_scene
from cli.demo.paper_words import say_result
from consumers.cluster import Cluster
from stack.alpaca_server.control import AlpacaControl
from stack.progress import Silent
from stack.up import StackAddresses
from tests.services import Services


@pytest.fixture
def found(
    services: Services, cluster: Cluster, database: str, alpaca: AlpacaControl, tmp_path: Path
) -> PaperResult:
    addresses = StackAddresses(
        services.bootstrap_servers,
        services.registry_url,
        database,
        alpaca.url,
        alpaca.control_url,
    )
    with paper_scene(tmp_path, addresses, prefix=cluster.prefix) as scene:
        return played(scene, Silent(), time.monotonic())


def test_every_order_is_sent_once_and_ends_as_the_brokers_own_book_has_it(
    found: PaperResult, capsys: pytest.CaptureFixture[str]
) -> None:
    stock, option, unknown, refused, partly = found.scenes

    for one in found.scenes:
        assert one.posts == 1
    assert [words.split()[0] for words in stock.log] == ["intended:", "accepted", "filled"]
    assert option.log[0].startswith("intended: 3 NVDA")
    assert "C00095000" in option.log[0]  # the contract at the money is too thin
    assert [words.split(":")[0].split(" ")[0] for words in unknown.log] == [
        "intended",
        "outcome",
        "accepted,",
        "filled",
    ]
    assert refused.log[-1].startswith("rejected (NOT_TRADABLE, HTTP 422)")
    assert (refused.orders, refused.filled) == (0, Decimal(0))
    fills = [words for words in partly.log if words.startswith("filled")]
    assert len(fills) == 2
    assert fills[0].startswith("filled 4 at 100.02")
    assert fills[1].endswith(f"{partly.filled} in all")

    assert (found.executed, found.rejected, found.orders, found.executions_in_table) == (4, 1, 4, 4)
    assert found.positions == found.positions_at_broker
    assert found.positions["MSFT"] == stock.filled > Decimal(0)

    say_result(found)
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    assert "accepted, as its look-up says" in told
