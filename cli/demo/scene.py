"""Where the demo plays: a stack of its own, two accounts, and processes that can be killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from consumers.registry import register
from consumers.settings import Settings, load_settings
from consumers.topics_admin import apply_topics
from events.identifiers import AccountName
from migrations.apply import migrate
from stack.progress import Progress
from stack.up import StackAddresses, start

LARGE: Final = AccountName("large-default")
TINY: Final = AccountName("tiny")
ACCOUNTS: Final = (LARGE, TINY)

_CONFIGURATION: Final = """\
# Written by `dispatcher demo`.
[kafka]
bootstrap_servers = "{bootstrap_servers}"

[registry]
url = "{registry_url}"

[postgres]
dsn = "{postgres_dsn}"

[accounts.large-default]
mode = "SIMULATED"
preset = "large"
start_from = "earliest"
starting_cash = 100_000
clock = "historical"
ledger = "{directory}/large-default.ledger"

[accounts.large-default.limits]
on_daily_loss = "decline" # for the rest of the day; nobody is here to resume it on the next

[accounts.tiny]
mode = "SIMULATED"
preset = "tiny"
start_from = "earliest"
starting_cash = 2_000
clock = "historical"
ledger = "{directory}/tiny.ledger"

[accounts.tiny.limits]
# Recommendations come at 13:30 New York; the preset enters no day trade after 13:00.
entry_cutoff = {{ day_trade = "14:00:00", swing_trade = "14:00:00" }}
on_daily_loss = "decline"
"""


@dataclass(slots=True)
class Service:
    """One long-running command of ours, as a process of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        self.process.wait(30)


@dataclass(slots=True)
class Scene:
    """Everything the demo plays with."""

    directory: Path
    addresses: StackAddresses
    settings: Settings
    services: list[Service] = field(default_factory=list)

    @property
    def configuration(self) -> Path:
        """The demo's own dispatcher.toml."""
        return self.directory / "dispatcher.toml"

    def ledger(self, account: AccountName) -> Path:
        """The book of the account's simulated broker."""
        return self.directory / f"{account}.ledger"

    def dispatch(self, account: AccountName) -> Service:
        """Start the account's dispatcher, to end when it has caught up."""
        return self._start(account, "accounts", "run", account, "--until-caught-up")

    def project(self) -> Service:
        """Start the projector, to run until it is stopped."""
        return self._start("projector", "projections", "run")

    def retry(self, projection: str, topic: str) -> str:
        """Run ``projections parked retry`` and return what it printed."""
        done = self.run("projections", "parked", "retry", projection, topic)
        done.check_returncode()
        return done.stdout.strip()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours to its end, whatever its exit code."""
        return subprocess.run(  # noqa: S603 -- our own command
            [*_COMMAND, *command, *self._config()], capture_output=True, text=True, check=False
        )

    def _start(self, name: str, *command: str) -> Service:
        log = self.directory / f"{name}-{len(self.services)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                [*_COMMAND, *command, *self._config()], stdout=output, stderr=output
            )
        service = Service(name, process, log)
        self.services.append(service)
        return service

    def _config(self) -> list[str]:
        return ["--config", str(self.configuration)]


_COMMAND: Final = (sys.executable, "-m", "cli.main")


@contextmanager
def scene(directory: Path, progress: Progress) -> Iterator[Scene]:
    """Set the scene: servers, tables, schemas, topics. Afterwards no process of ours runs."""
    addresses = start(directory / "stack", progress=progress)
    configuration = directory / "dispatcher.toml"
    configuration.write_text(
        _CONFIGURATION.format(
            bootstrap_servers=addresses.bootstrap_servers,
            registry_url=addresses.registry_url,
            postgres_dsn=addresses.postgres_dsn,
            directory=directory,
        )
    )
    set_up = Scene(directory, addresses, load_settings(configuration, {}))
    progress.note("Creating tables, schemas and topics.")
    migrate(addresses.postgres_dsn)
    register(addresses.registry_url)
    apply_topics(set_up.settings.kafka.cluster, ACCOUNTS)
    try:
        yield set_up
    finally:
        for service in set_up.services:
            if service.running:
                service.kill()
