"""The real command line, as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cli.main import run
from tests.born import WHERE, bear

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401 -- whatever JSON it printed
        """Everything on stdout, as the one JSON document it has to be."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """Everything on stderr: one line, and no traceback."""
        assert "Traceback" not in self.err, self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@dataclass(frozen=True, slots=True)
class Command:
    """`dispatcher` in a directory of its own, where its configuration may lie."""

    directory: Path

    def __call__(
        self, *arguments: str, stdin: str | bytes = "", environ: Mapping[str, str] | None = None
    ) -> Answer:
        """Run a command to its end; one with a PYTHONPATH of its own imports everything anew."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER")
        }
        with TemporaryDirectory(prefix="dispatcher-says-") as says:
            given, out, err = (Path(says) / name for name in ("in", "out", "err"))
            given.write_bytes(stdin if isinstance(stdin, bytes) else stdin.encode())
            process = (_start if "PYTHONPATH" in (environ or {}) else bear)(
                run,
                arguments,
                stdin=given,
                out=out,
                err=err,
                directory=self.directory,
                environ={**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **(environ or {})},
            )
            try:
                code = process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                process.send_signal(WHERE)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(2)  # until it has said so
                error.add_note(f"it has said: {out.read_bytes()!r}, {err.read_bytes().decode()}")
                raise
            finally:
                process.kill()
            return Answer(code, out.read_bytes().decode(), err.read_bytes().decode())

    def done(self, *arguments: str, stdin: str = "") -> None:
        """Run a command that has to end well."""
        answer = self(*arguments, stdin=stdin)
        assert answer.code == 0, answer.err


def _start(  # noqa: PLR0913 -- as `bear` has them
    main: Callable[[], object],
    arguments: Sequence[str],
    *,
    stdin: Path,
    out: Path,
    err: Path,
    directory: Path,
    environ: Mapping[str, str],
) -> "subprocess.Popen[bytes]":
    with stdin.open("rb") as given, out.open("wb") as said, err.open("wb") as complained:
        return subprocess.Popen(
            [sys.executable, "-m", main.__module__, *arguments],
            stdin=given,
            stdout=said,
            stderr=complained,
            cwd=directory,
            env=dict(environ),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where services are, for a configuration; nothing listens at the ones not given."""

    bootstrap_servers: str = "127.0.0.1:9"
    registry_url: str = "http://127.0.0.1:9"
    postgres_dsn: str = "postgresql://somebody:hush@127.0.0.1:9/nothing"
    prefix: str = ""

    def configuration(self) -> str:
        """Two simulated accounts over these services, on the recommendations' own clock."""
        accounts = "".join(
            f"""
            [accounts.{name}]
            mode = "SIMULATED"
            preset = "{preset}"
            start_from = "earliest"
            starting_cash = {cash}
            clock = "historical"
            """
            for name, preset, cash in (("large-default", "large", 100_000), ("tiny", "tiny", 1_000))
        )
        return (
            f'[kafka]\nbootstrap_servers = "{self.bootstrap_servers}"\n'
            f'topic_prefix = "{self.prefix}"\n'
            f'[registry]\nurl = "{self.registry_url}"\n'
            f'[postgres]\ndsn = "{self.postgres_dsn}"\n{accounts}'
        )

    def at(self, directory: Path) -> Command:
        """Return the command, with this configuration in its directory."""
        (directory / "dispatcher.toml").write_text(self.configuration(), encoding="utf-8")
        return Command(directory)
