"""Starting and stopping as a user does it."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from stack import servers
from stack.errors import ServerError, StackConfigError
from stack.ports import HOST
from stack.up import start, stop
from tests.stack.helpers import Listener, Running

# The command, in a process that reports any attempt to look beyond this machine.
_OFFLINE = """
import sys

def refuse(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] != "127.0.0.1":
        raise SystemExit(f"looked up {arguments[0]}")
    if event == "import" and arguments[0] == "jgo":
        raise SystemExit("loaded the downloader")

sys.addaudithook(refuse)
from cli.stack import app
app()
"""


def test_a_later_start_stays_offline_and_gives_the_same_addresses(stack: Running) -> None:
    stop(stack.directory)

    result = _offline("up", "--json", "--dir", str(stack.directory))

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "bootstrap_servers": stack.addresses.bootstrap_servers,
        "registry_url": stack.addresses.registry_url,
        "postgres_dsn": stack.addresses.postgres_dsn,
    }
    assert stack.addresses.registry_url.endswith("/apis/ccompat/v7")
    assert result.stderr == ""


def test_two_stacks_run_side_by_side_and_know_nothing_of_each_other(
    stack: Running, new_directory: Path
) -> None:
    other = start(new_directory)
    for addresses, owner in ((stack.addresses, "first"), (other, "second")):
        with psycopg.connect(addresses.postgres_dsn) as session:
            session.execute("CREATE TABLE owner (name text)")
            session.execute("INSERT INTO owner VALUES (%s)", [owner])

    stop(new_directory, purge=True)

    assert not new_directory.exists()
    with psycopg.connect(stack.addresses.postgres_dsn) as session:
        assert session.execute("SELECT name FROM owner").fetchall() == [("first",)]


def test_status_shows_a_missing_server_within_80_columns_and_exits_with_7(stack: Running) -> None:
    servers.stop(stack.directory, "postgres")
    missing = _offline("status", "--dir", str(stack.directory))
    servers.start(stack.directory, "postgres")
    complete = _offline("status", "--dir", str(stack.directory))

    assert (missing.returncode, complete.returncode) == (7, 0)
    assert missing.stdout.count("running") == 2
    assert missing.stdout.count("stopped") == 1
    assert complete.stdout.count("running") == 3
    assert max(len(line) for line in missing.stdout.splitlines()) <= 80


def test_a_remembered_port_that_was_taken_meanwhile_is_given_up_with_a_note(
    stack: Running,
) -> None:
    port = servers.find(stack.directory, "postgres").port
    servers.stop(stack.directory, "postgres")
    listener = Listener()
    with _occupied(port):
        moved = start(stack.directory, progress=listener)
        foreign_note = listener.notes[0]
    servers.stop(stack.directory, "postgres")

    assert start(stack.directory, fixed_ports={"postgres": port}) == stack.addresses
    assert moved.postgres_dsn != stack.addresses.postgres_dsn
    assert foreign_note.startswith(f"Another program uses port {port} by now: PostgreSQL moves to")


def test_a_port_the_user_fixed_is_never_exchanged_for_another(stack: Running) -> None:
    port = servers.find(stack.directory, "postgres").port
    start(stack.directory, fixed_ports={"postgres": port})
    servers.stop(stack.directory, "postgres")
    with _occupied(port):
        refused = _offline("up", "--dir", str(stack.directory))
    start(stack.directory)

    assert refused.returncode == 3
    assert refused.stderr == (
        f"PostgreSQL cannot have port {port}, which another program uses: "
        "stop that program or choose another port.\n"
    )


def test_a_server_that_dies_while_starting_is_explained_in_one_sentence(stack: Running) -> None:
    server = servers.find(stack.directory, "postgres")
    servers.stop(stack.directory, "postgres")
    settings = server.data / "postgresql.conf"
    good = settings.read_text()
    settings.write_text("nonsense = 1\n")
    with pytest.raises(ServerError) as failure:
        start(stack.directory)
    settings.write_text(good)
    start(stack.directory)

    assert str(failure.value).startswith("PostgreSQL ended while starting: ")
    assert "postgresql.conf" in str(failure.value)
    assert str(failure.value).endswith(f"(see {server.log_file}).")


def test_only_a_stack_directory_can_be_purged_or_used(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(StackConfigError, match="nothing was deleted"):
        stop(tmp_path, purge=True)
    with pytest.raises(StackConfigError, match=r"it holds thesis\.txt"):
        start(tmp_path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_help_is_shown_without_loading_a_client_library() -> None:
    program = (
        "import sys\nfrom cli.stack import app\n"
        "try: app(['up', '--help'])\n"
        "finally: print(sorted({'confluent_kafka', 'psycopg', 'jgo'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "Example: dispatcher stack up" in result.stdout
    assert result.stdout.endswith("[]\n")


def _offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _OFFLINE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _occupied(port: int) -> socket.socket:
    return socket.create_server((HOST, port))
