"""Where the paper demo plays: one account at a fake of Alpaca, over real HTTP and websocket."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cli.demo.scene import Service
from cli.demo.stage import DemoFailed
from consumers.registry import register
from consumers.settings import Settings, load_settings
from consumers.topics_admin import apply_topics
from events.identifiers import AccountName
from migrations.apply import migrate
from stack.alpaca_server.control import AlpacaControl
from stack.up import StackAddresses

PAPER: Final = AccountName("paper")
NUMBER: Final = "PA3DEMO"
KEYS: Final = {
    "DISPATCHER__ACCOUNTS__PAPER__ALPACA__KEY_ID": "PK-OF-THE-DEMO",
    "DISPATCHER__ACCOUNTS__PAPER__ALPACA__SECRET_KEY": "opens-the-fake-alone",
}
"""What opens the account at the fake, and nothing else: no secret, so it may be shown."""

_CONFIGURATION: Final = """\
# Written by `dispatcher demo --broker alpaca-fake`.
[kafka]
bootstrap_servers = "{bootstrap_servers}"
topic_prefix = "{prefix}"

[registry]
url = "{registry_url}"

[postgres]
dsn = "{postgres_dsn}"

[accounts.paper]
mode = "ALPACA_PAPER"
preset = "large"
start_from = "earliest"
starting_cash = 100_000
broker_account_number = "{number}"

[accounts.paper.alpaca]
trading_url = "{alpaca_url}"
data_url = "{alpaca_url}"
stream_url = "{stream_url}"

[accounts.paper.limits]
disabled_gates = ["trading_hours"] # the fake exchange is open at any hour
"""


@dataclass(slots=True)
class PaperScene:
    """The account, its broker, and our processes around it."""

    directory: Path
    settings: Settings
    alpaca: AlpacaControl
    services: list[Service] = field(default_factory=list)

    @property
    def configuration(self) -> Path:
        """The demo's own dispatcher.toml."""
        return self.directory / "dispatcher.toml"

    def dispatch(self) -> Service:
        """Start the account's dispatcher, to run until it is stopped."""
        log = self.directory / "paper.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                self._command("accounts", "run", PAPER),
                stdout=output,
                stderr=output,
                env=_environ(),
            )
        service = Service("paper", process, log)
        self.services.append(service)
        return service

    def project(self) -> None:
        """Bring everything that is in Kafka into the tables."""
        done = subprocess.run(  # noqa: S603 -- our own command
            self._command("projections", "run", "--until-caught-up"),
            capture_output=True,
            text=True,
            check=False,
            env=_environ(),
        )
        if done.returncode:
            raise DemoFailed(f"the projector ended with {done.returncode}: {done.stderr.strip()}")

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cli.main", *words, "--config", str(self.configuration)]


@contextmanager
def paper_scene(
    directory: Path, addresses: StackAddresses, *, prefix: str = ""
) -> Iterator[PaperScene]:
    """Set the scene on servers that run: tables, schemas, topics, the account at the fake.

    Afterwards no process of ours runs. `addresses` must have the fake Alpaca.
    """
    alpaca = AlpacaControl(addresses.alpaca_url or "", addresses.alpaca_control_url or "")
    configuration = directory / "dispatcher.toml"
    configuration.write_text(
        _CONFIGURATION.format(
            bootstrap_servers=addresses.bootstrap_servers,
            registry_url=addresses.registry_url,
            postgres_dsn=addresses.postgres_dsn,
            alpaca_url=alpaca.url,
            stream_url=alpaca.stream_url,
            number=NUMBER,
            prefix=prefix,
        )
    )
    settings = load_settings(configuration, KEYS)
    migrate(addresses.postgres_dsn)
    register(addresses.registry_url)
    apply_topics(settings.kafka.cluster, [PAPER])
    key_id, secret_key = KEYS.values()
    alpaca.add_account(NUMBER, key_id=key_id, secret_key=secret_key)
    alpaca.set_hours("open")
    scene = PaperScene(directory, settings, alpaca)
    try:
        yield scene
    finally:
        for service in scene.services:
            if service.running:
                service.process.send_signal(signal.SIGKILL)
                service.process.wait()


def _environ() -> dict[str, str]:
    return {**os.environ, **KEYS}
