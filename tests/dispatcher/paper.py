"""A desk of paper accounts: dispatchers of a world that trade at a fake Alpaca."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Final

from consumers.dispatcher.process import run_dispatcher
from consumers.settings import Settings, load_settings
from events.catalog import LogEvent
from events.identifiers import AccountName
from events.order import OrderIntended
from events.recommendation import RecommendationIssued
from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher.world import World, fresh_advice

QUICK: Final = """session_timeout_ms = 6000
submit_window_ms = 2500
answer_within_ms = 4500
"""
"""A window has room for a transaction on a busy machine, from the decision on. An order that cannot
be found is asked for at 0, 0.25, 0.75, 1.75, 3.75, 7.75 and 12.75 s: the last two prove that there
is none."""

HTTP_DEADLINE_MS: Final = 1500
"""Of each request; what is slower on a busy machine is an order whose outcome is unknown."""

PATIENCE_S: Final = 120.0

LOOK_UP: Final[dict[str, Any]] = {"method": "GET", "path": "/v2/orders:by_client_order_id"}
"""Where an order is asked for by the name that we gave it."""


@dataclass(slots=True)
class Desk:
    """The accounts that were opened here, each at the fake under a number of its own."""

    world: World
    alpaca: AlpacaControl
    numbers: dict[AccountName, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def open_account(
        self,
        *,
        tuning: str = QUICK,
        number: str | None = None,
        at: str = "",
        http_deadline_ms: int = HTTP_DEADLINE_MS,
        keys: tuple[str, str] = ("", ""),
        **more: Any,  # noqa: ANN401 -- as `World.open_account` has them
    ) -> AccountName:
        """Open an account at the fake and configure it; `at` are more keys of its alpaca table."""
        theirs = self.alpaca.add_account(
            f"PA{len(self.numbers) + 1}", key_id=keys[0], secret_key=keys[1]
        )
        name = f"paper{len(self.numbers) + 1}-{self.world.cluster.prefix.strip('.')}"
        alpaca = f"""
[accounts.{name}.alpaca]
trading_url = "{self.alpaca.url}"
data_url = "{self.alpaca.url}"
stream_url = "{self.alpaca.stream_url}"
http_deadline_ms = {http_deadline_ms}
{at}"""
        account = self.world.open_account(
            name=name,
            mode="ALPACA_PAPER",
            tuning=tuning + alpaca,
            **{"more": f'broker_account_number = "{number or theirs.number}"'} | more,
        )
        variable = f"DISPATCHER__ACCOUNTS__{name.upper().replace('-', '_')}__ALPACA__"
        self.environ |= {
            f"{variable}KEY_ID": theirs.key_id,
            f"{variable}SECRET_KEY": theirs.secret_key,
        }
        self.numbers[account] = theirs.number
        return account

    @property
    def settings(self) -> Settings:
        """The configuration, with the keys from the environment."""
        return load_settings(self.world.config, self.environ)

    def run(self, account: AccountName) -> None:
        """Run its dispatcher in this thread until it has caught up; errors are the caller's."""
        run_dispatcher(self.settings, account, until_caught_up=True, stop=Event())

    @contextmanager
    def running(self, account: AccountName) -> Iterator[None]:
        """Run its dispatcher beside the test; whatever ended it is raised at the end."""
        stop, failures = Event(), list[BaseException]()

        def live() -> None:
            try:
                run_dispatcher(self.settings, account, stop=stop)
            except BaseException as error:  # noqa: BLE001 -- raised in the test's own thread
                failures.append(error)

        thread = Thread(target=live, name=f"dispatcher-{account}")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_S)
        assert not thread.is_alive()
        if failures:
            raise failures[0]

    def publish(self, *recommendations: RecommendationIssued) -> None:
        """Let the Signal Engine say something."""
        self.world.publish(*recommendations)

    def orders(self, account: AccountName) -> list[dict[str, Any]]:
        """Return the orders in the fake's own ledger."""
        return self.alpaca.orders(self.numbers[account])

    def story(self, account: AccountName, recommendation: int) -> list[str]:
        """Return the names of the events about one recommendation, in their order."""
        return [
            type(event).__name__
            for event in self.world.log(account)
            if event.envelope.recommendation_id == recommendation
        ]


@contextmanager
def a_desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    """Yield a desk at a fake whose exchange is open: MSFT and AAPL around $100."""
    alpaca.set_hours("open")
    alpaca.rate_limit(10_000)
    for symbol in ("MSFT", "AAPL"):
        alpaca.quote(symbol, bid="99.98", ask="100.02")
    yield Desk(world, alpaca)


def advice(number: int, **changes: Any) -> RecommendationIssued:  # noqa: ANN401 -- any field
    """Return advice of this moment to buy MSFT at $100."""
    return fresh_advice(number, **changes)


def every_order_was_announced(desk: Desk, account: AccountName, events: list[LogEvent]) -> None:
    """Assert that the broker has nothing that the log does not, and nothing twice."""
    intended = [event.terms.client_order_id for event in events if isinstance(event, OrderIntended)]
    placed = [order["client_order_id"] for order in desk.orders(account)]
    assert set(placed) <= set(intended)
    assert len(placed) == len(set(placed))
    assert len(intended) == len(set(intended))


def looks(desk: Desk) -> int:
    """Return how often positions were asked for, which only a look at the books does."""
    return len([one for one in desk.alpaca.requests() if one["path"] == "/v2/positions"])


def until(there: Callable[[], Any]) -> None:
    """Return as soon as it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline
        Event().wait(0.02)
