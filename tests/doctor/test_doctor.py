import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.cluster import Cluster
from consumers.doctor.examine import examine, exit_code
from consumers.doctor.finding import Finding, Verdict, age
from consumers.settings import Settings, load_settings
from consumers.topics_admin import apply_topics
from tests.cli.advice import line, lines
from tests.cli.running import Command, Place

LOG = "dispatch.events.tiny"


@pytest.fixture
def topics(settings: Settings) -> None:
    apply_topics(settings.kafka.cluster, [one.account for one in settings.accounts.values()])


def _found(settings: Settings, check: str, *, later_s: float = 0) -> list[Finding]:
    findings = examine(settings, time.time() + later_s)
    return [finding for finding in findings if finding.check == check]


def _with(command: Command, **changes: str) -> Settings:
    file = command.directory / "dispatcher.toml"
    text = file.read_text()
    for key, value in changes.items():
        text = text.replace(key, value)
    changed = file.with_name("changed.toml")
    changed.write_text(text)
    return load_settings(changed, {})


@contextmanager
def _open_transaction(cluster: Cluster, *, age_s: float) -> Iterator[None]:
    """Leave a transaction open on tiny's log; its first record is `age_s` old."""
    producer = Producer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "transactional.id": f"{cluster.prefix}somebody",
            "transaction.timeout.ms": 60_000,
            "log_level": 0,
        }
    )
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(
        cluster.topic(LOG), b"x", partition=0, timestamp=round((time.time() - age_s) * 1000)
    )
    producer.flush(10)
    yield
    producer.abort_transaction(10)


def test_where_nothing_runs_the_services_are_named_and_nothing_else_is_asked(
    tmp_path: Path,
) -> None:
    Place().at(tmp_path)

    findings = examine(load_settings(tmp_path / "dispatcher.toml", {}))

    failed = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    assert [finding.check for finding in failed] == ["kafka", "registry", "postgres"]
    assert all(finding.cure.startswith("start ") for finding in failed)
    assert exit_code(findings) == 7
    assert "hush" not in str(findings)


@pytest.mark.usefixtures("topics")
def test_where_all_is_well_no_check_fails(settings: Settings) -> None:
    findings = examine(settings)

    assert exit_code(findings) == 0
    assert [one.check for one in findings if one.verdict is not Verdict.OK] == [
        "dispatcher large-default",
        "dispatcher tiny",
    ]  # nobody runs them in a test


def test_missing_topics_are_one_finding_with_its_cure(settings: Settings) -> None:
    findings = examine(settings)

    [topics] = [finding for finding in findings if finding.check == "topics"]
    assert topics.cure == "dispatcher topics apply"
    assert "and 7 more" in topics.says
    assert exit_code(findings) == 3


def test_finite_retention_of_a_log_is_found_with_the_command_that_mends_it(
    settings: Settings,
) -> None:
    cluster = settings.kafka.cluster
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    name = cluster.topic(LOG)
    [made] = admin.create_topics(
        [NewTopic(name, num_partitions=1, config={"retention.ms": "604800000"})]
    ).values()
    made.result()
    apply_topics(cluster, [one.account for one in settings.accounts.values()])

    [found] = _found(settings, "topics")

    assert found.verdict is Verdict.FAIL
    assert "retention.ms=604800000, so that its records will be deleted" in found.says
    assert found.cure.endswith(f"--entity-name {name} --add-config retention.ms=-1")


def test_an_unreachable_service_wins_over_a_wrong_layout(dispatcher: Command) -> None:
    settings = _with(dispatcher, url='url = "http://127.0.0.1:9" #')

    findings = examine(settings)

    assert {finding.exit_code for finding in findings} == {0, 3, 7}
    assert exit_code(findings) == 7


def test_a_data_source_name_that_is_none_is_one_finding_and_not_repeated(
    dispatcher: Command,
) -> None:
    findings = examine(_with(dispatcher, dsn='dsn = "nonsense hush" #'))

    [found] = [one for one in findings if "postgres.dsn" in one.says]
    assert (found.check, found.exit_code) == ("postgres", 3)
    assert "hush" not in str(findings)


def test_pending_migrations_are_found(
    dispatcher: Command, make_database: Callable[..., str]
) -> None:
    empty = make_database()

    found = _found(_with(dispatcher, dsn=f'dsn = "{empty}" #'), "migrations")

    assert [(one.verdict, one.cure) for one in found] == [(Verdict.FAIL, "dispatcher migrate")]


@pytest.mark.usefixtures("topics")
def test_a_transaction_that_hangs_is_found_with_the_command_that_ends_it(
    settings: Settings,
) -> None:
    cluster = settings.kafka.cluster
    with _open_transaction(cluster, age_s=600):
        [found] = _found(settings, "transactions")

    assert found.verdict is Verdict.FAIL
    assert f"{cluster.topic(LOG)}: one has been open for 10 min" in found.says
    assert f"abort --topic {cluster.topic(LOG)} --partition 0 --start-offset 0" in found.cure
    assert _found(settings, "transactions")[0].verdict is Verdict.OK  # it was aborted


@pytest.mark.usefixtures("topics")
def test_a_transaction_under_way_is_no_fault(settings: Settings) -> None:
    with _open_transaction(settings.kafka.cluster, age_s=0):
        [found] = _found(settings, "transactions")

    assert (found.verdict, found.says) == (Verdict.OK, "none hangs; 1 under way")


@pytest.mark.usefixtures("topics")
def test_lag_is_told_by_the_oldest_record_that_is_not_in_the_tables(
    dispatcher: Command, settings: Settings
) -> None:
    published = dispatcher("recommendations", "publish", "-", stdin=lines(line(1), line(2)))
    assert published.code == 0, published.err

    [found] = _found(settings, "projection recommendations", later_s=600)

    assert found.verdict is Verdict.WARN
    assert "the oldest 10 min old" in found.says
    assert found.cure == "dispatcher projections run"


@pytest.mark.usefixtures("topics")
def test_who_stands_behind_the_marks_of_transactions_alone_is_at_the_end(
    dispatcher: Command, settings: Settings
) -> None:
    dispatcher("recommendations", "publish", "-", stdin=lines(line(1)))
    for command in (("accounts", "run", "tiny"), ("projections", "run")):
        ran = dispatcher(*command, "--until-caught-up")
        assert ran.code == 0, ran.err
    assert _found(settings, "projections")[0].verdict is Verdict.OK

    with psycopg.connect(settings.postgres_dsn()) as connection:
        connection.execute(
            "UPDATE projection_checkpoints SET next_offset = next_offset - 1 WHERE topic = %s",
            (LOG,),
        )

    [found] = _found(settings, "projections", later_s=600)
    assert (found.verdict, found.says[-7:]) == (Verdict.OK, "lag 0 s")


@pytest.mark.usefixtures("topics")
def test_an_account_is_held_against_the_one_that_its_log_was_opened_with(
    dispatcher: Command, settings: Settings
) -> None:
    ran = dispatcher("accounts", "run", "tiny", "--until-caught-up")
    assert ran.code == 0, ran.err
    assert "as configured" in _found(settings, "account tiny")[0].says

    changed = _with(dispatcher, **{"[accounts.tiny]": "[accounts.tiny]\nbroker_account_number='x'"})

    [found] = _found(changed, "account tiny")
    assert found.verdict is Verdict.FAIL
    assert "opened with broker account sim-tiny" in found.says


@pytest.mark.usefixtures("topics")
def test_a_ledger_that_cannot_be_written_is_found(dispatcher: Command, tmp_path: Path) -> None:
    ledger = tmp_path / "nowhere" / "tiny.ledger"
    changed = _with(dispatcher, **{"[accounts.tiny]": f"[accounts.tiny]\nledger='{ledger}'"})

    [found] = _found(changed, "broker tiny")

    assert (found.verdict, found.cure) == (Verdict.FAIL, f"mkdir -p {ledger.parent}")


@pytest.mark.usefixtures("topics")
def test_what_waits_and_what_was_refused_is_worth_a_look(settings: Settings) -> None:
    with psycopg.connect(settings.postgres_dsn()) as connection:
        connection.execute(
            "INSERT INTO parked_events (projection, topic, partition, log_offset, account_name,"
            " headers, error) VALUES ('executions', %s, 0, 4, 'tiny', '[]', 'too long')",
            (LOG,),
        )
        connection.execute(
            "INSERT INTO dead_letters (log_topic, log_partition, log_offset, headers, refused_at)"
            " VALUES ('dispatch.dead-letters', 0, 0, '[]', now() - interval '1 hour')"
        )

    findings = examine(settings)

    [parked] = [one for one in findings if one.check == "parked"]
    assert parked.says == f"1 events of {LOG} wait in executions: too long"
    assert parked.cure.endswith(f"dispatcher projections parked retry executions {LOG}")
    [letters] = [one for one in findings if one.check == "dead letters"]
    assert letters.says == "1, the newest 60 min old"
    assert {parked.verdict, letters.verdict} == {Verdict.WARN}
    assert exit_code(findings) == 0


def test_without_postgresql_configured_nothing_is_asked_of_it(dispatcher: Command) -> None:
    findings = examine(_with(dispatcher, **{"[postgres]": "", "dsn": "#"}))

    [postgres] = [one for one in findings if one.check == "postgres"]
    assert postgres.verdict is Verdict.OK
    assert not {"migrations", "parked", "projections"} & {one.check for one in findings}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "0 s"), (119.4, "119 s"), (120, "2 min"), (7_300, "2 h"), (200_000, "2 d")],
)
def test_ages_are_short(seconds: float, told: str) -> None:
    assert age(seconds) == told
