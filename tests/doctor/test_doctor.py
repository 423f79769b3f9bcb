import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.cluster import Cluster
from consumers.doctor.database_checks import check_clock
from consumers.doctor.examine import examine, exit_code
from consumers.doctor.finding import Finding, Verdict, age
from consumers.doctor.machine_checks import check_disk
from consumers.doctor.offsets import Offsets
from consumers.doctor.registry_checks import check_registry
from consumers.errors import ServiceUnreachable
from consumers.registry import RegistrySchemaSource, subject_of
from consumers.settings import Settings, load_settings
from consumers.topics_admin import apply_topics
from events.order import OrderFilled, OrderRejected
from tests.cli.advice import line, lines
from tests.cli.running import Command, Place
from tests.schemas.confused import confused
from tests.services import Services

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
    findings = examine(_with(dispatcher, dsn='dsn = "postgresql://user:hush@[::1/db" #'))

    [found] = [one for one in findings if "postgres.dsn" in one.says]
    assert (found.check, found.exit_code) == ("postgres", 3)
    assert "hush" not in str(findings)


def test_pending_migrations_are_found(
    dispatcher: Command, make_database: Callable[..., str]
) -> None:
    empty = make_database()

    found = _found(_with(dispatcher, dsn=f'dsn = "{empty}" #'), "migrations")

    assert [(one.verdict, one.cure) for one in found] == [(Verdict.FAIL, "dispatcher migrate")]


def test_a_table_that_somebody_dropped_is_found_with_the_way_to_bring_it_back(
    dispatcher: Command, settings: Settings
) -> None:
    with psycopg.connect(settings.postgres_dsn()) as connection:
        connection.execute("DROP TABLE dispatch_executions CASCADE")

    [found] = _found(settings, "migrations")

    assert (found.verdict, found.exit_code) == (Verdict.FAIL, 3)
    assert found.says == "none pending, but somebody dropped dispatch_executions"
    asked = dispatcher("executions", "list")
    assert asked.code == 3
    assert asked.sentence.endswith("`dispatcher migrate --recreate-missing`")

    # and: its cure is one
    made = dispatcher("migrate", "--recreate-missing")
    assert made.code == 0
    assert made.out.splitlines()[:2] == [
        "made again, empty  dispatch_executions",
        "To fill it from the log: dispatcher projections rebuild executions",
    ]
    assert _found(settings, "migrations")[0].verdict is Verdict.OK
    assert dispatcher("migrate", "--recreate-missing").out == "No table is missing.\n"
    assert dispatcher("migrate", "--plan", "--recreate-missing").code == 2


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
    assert found.says == ("2 records behind, the oldest 10 min old; recommendations 0 of 2")
    assert found.cure == "dispatcher projections run"


@pytest.mark.usefixtures("topics")
def test_who_stands_behind_the_marks_of_transactions_alone_is_at_the_end(
    dispatcher: Command, settings: Settings
) -> None:
    dispatcher("recommendations", "publish", "-", stdin=lines(line(1)))
    for command in (("accounts", "run", "tiny"), ("projections", "run")):
        ran = dispatcher(*command, "--until-caught-up")
        assert ran.code == 0, ran.err
    [before] = _found(settings, "projection executions")

    with psycopg.connect(settings.postgres_dsn()) as connection:
        connection.execute(
            "UPDATE projection_checkpoints SET next_offset = next_offset - 1 WHERE topic = %s",
            (LOG,),
        )

    [found] = _found(settings, "projection executions", later_s=600)
    assert {before.verdict, found.verdict} == {Verdict.OK}
    assert before.says.startswith("at the end, lag 0 s; dispatch.events.")
    assert before.says != found.says  # its checkpoint, for all to see, stands one mark lower
    assert found.says.startswith("at the end, lag 0 s; dispatch.events.")


@pytest.mark.usefixtures("topics")
def test_what_nobody_has_decided_is_counted_in_recommendations(
    dispatcher: Command, settings: Settings
) -> None:
    for numbers in ((1,), (2, 3, 4)):
        dispatcher("recommendations", "publish", "-", stdin=lines(*map(line, numbers)))
        if numbers == (1,):
            assert dispatcher("accounts", "run", "tiny", "--until-caught-up").code == 0

    [found] = _found(settings, "dispatcher tiny", later_s=600)

    assert found.says == "none is running; 3 undecided, the oldest 10 min old"


@pytest.mark.usefixtures("topics")
def test_a_checkpoint_behind_the_end_of_its_topic_tells_of_a_log_that_was_lost(
    dispatcher: Command, settings: Settings
) -> None:
    dispatcher("recommendations", "publish", "-", stdin=lines(line(1)))
    ran = dispatcher("projections", "run", "--until-caught-up")
    assert ran.code == 0, ran.err
    with psycopg.connect(settings.postgres_dsn()) as connection:
        connection.execute(
            "UPDATE projection_checkpoints SET next_offset = 4711"
            " WHERE projection = 'recommendations'"
        )

    [found] = _found(settings, "projection recommendations")

    assert (found.verdict, found.exit_code) == (Verdict.FAIL, 3)
    assert "its checkpoint in recommendations is 4711, the topic ends at 1" in found.says
    assert found.cure.startswith("bring the topic back")


def test_a_topic_that_cannot_be_read_is_not_taken_for_one_where_nothing_waits(
    settings: Settings,
) -> None:
    offsets = Offsets(settings.kafka.cluster)

    with pytest.raises(ServiceUnreachable, match="nobody knows what stands there"):
        offsets.first_record_times({"nowhere": 0}, {"nowhere": 1})


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


@pytest.mark.parametrize(
    ("ahead_s", "verdict"), [(0, Verdict.OK), (2.5, Verdict.WARN), (-2.5, Verdict.WARN)]
)
def test_a_clock_that_is_off_by_more_than_half_a_second_is_worth_a_look(
    database: str, ahead_s: float, verdict: Verdict
) -> None:
    [found] = check_clock(database, ahead_s)

    assert (found.verdict, found.exit_code) == (verdict, 0)
    assert found.cure.startswith("timedatectl" if ahead_s else "")


@pytest.mark.parametrize("ahead_s", [60, -60])
def test_a_clock_that_is_off_by_more_than_three_seconds_has_to_be_mended(
    settings: Settings, ahead_s: float
) -> None:
    [found] = _found(settings, "clock", later_s=ahead_s)

    assert (found.verdict, found.exit_code) == (Verdict.FAIL, 3)
    assert found.says.endswith("s away from PostgreSQL's")
    assert found.cure.startswith("timedatectl set-ntp true")


@pytest.mark.parametrize(
    ("free_gb", "verdict", "code"),
    [("5.0", Verdict.OK, 0), ("1.9", Verdict.WARN, 0), ("0.1", Verdict.FAIL, 3)],
)
def test_a_disk_that_fills_up_is_found_before_it_is_full(
    dispatcher: Command, tmp_path: Path, free_gb: str, verdict: Verdict, code: int
) -> None:
    ledger = tmp_path / "tiny.ledger"
    settings = _with(dispatcher, **{"[accounts.tiny]": f"[accounts.tiny]\nledger='{ledger}'"})

    found = list(check_disk(settings, lambda _: int(Decimal(free_gb) * 1_000_000_000)))

    [one] = [each for each in found if str(tmp_path) in each.says]
    assert (one.verdict, one.exit_code) == (verdict, code)
    assert one.says == f"{free_gb} GB free in {tmp_path}"
    assert (one.cure != "") is (verdict is not Verdict.OK)


def test_a_registry_that_gives_an_id_to_another_schema_is_found(services: Services) -> None:
    known = RegistrySchemaSource(services.registry_url)
    ours, another = known.id_of(OrderFilled), known.id_of(OrderRejected)

    with confused(services.registry_url, of=ours, leads_to=another) as url:
        [found] = check_registry(RegistrySchemaSource(url))

    assert (found.verdict, found.exit_code) == (Verdict.FAIL, 3)
    assert f"id {ours} of {subject_of(OrderFilled)} leads to another schema" in found.says
    assert "restore it from its backup" in found.says + found.cure


def test_without_postgresql_configured_nothing_is_asked_of_it(dispatcher: Command) -> None:
    findings = examine(_with(dispatcher, **{"[postgres]": "", "dsn": "#"}))

    [postgres] = [one for one in findings if one.check == "postgres"]
    assert postgres.verdict is Verdict.OK
    asked = {one.check.partition(" ")[0] for one in findings}
    assert not {"migrations", "parked", "projection", "projections", "clock"} & asked


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "0 s"), (119.4, "119 s"), (120, "2 min"), (7_300, "2 h"), (200_000, "2 d")],
)
def test_ages_are_short(seconds: float, told: str) -> None:
    assert age(seconds) == told
