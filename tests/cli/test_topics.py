import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError
from consumers.topics_admin import apply_topics, check_account_topics, check_topics
from events.identifiers import account_name
from tests.cli.advice import line, lines
from tests.cli.running import Command

TINY = account_name("tiny")
KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def _made(cluster: Cluster, name: str, partitions: int = 1, **config: str) -> AdminClient:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    settings = {**KEPT, **{key.replace("_", "."): value for key, value in config.items()}}
    topic = NewTopic(
        cluster.topic(name), num_partitions=partitions, replication_factor=1, config=settings
    )
    for answer in admin.create_topics([topic]).values():
        answer.result()
    return admin


def _findings(cluster: Cluster) -> list[str]:
    apply_topics(cluster, [TINY])
    return check_topics(cluster, [TINY], development=True)


def test_apply_creates_what_the_accounts_need_and_nothing_twice(cluster: Cluster) -> None:
    created = apply_topics(cluster, [TINY])

    assert sorted(map(cluster.plain, created)) == [
        "dispatch.commands.tiny",
        "dispatch.dead-letters",
        "dispatch.events.tiny",
        "dispatch.snapshots",
        "projection.failures",
        "recommendations",
    ]
    assert apply_topics(cluster, [TINY]) == []
    assert check_topics(cluster, [TINY], development=True) == []
    check_account_topics(cluster, TINY, development=True)


def test_a_missing_topic_is_found_with_its_cure(cluster: Cluster) -> None:
    found = check_topics(cluster, [TINY], development=True)

    assert len(found) == 6
    assert all("`dispatcher topics apply`" in one for one in found)
    with pytest.raises(ConfigurationError, match="does not exist"):
        check_account_topics(cluster, TINY, development=True)


def test_a_log_of_two_partitions_has_lost_its_order(cluster: Cluster) -> None:
    _made(cluster, "dispatch.events.tiny", partitions=2)

    [finding] = _findings(cluster)
    assert "has 2 partitions, not 1" in finding


def test_a_log_that_will_be_deleted_is_found(cluster: Cluster) -> None:
    _made(cluster, "dispatch.events.tiny", retention_ms="604800000")

    [finding] = _findings(cluster)
    assert "retention.ms=604800000" in finding


def test_a_log_that_is_compacted_is_found(cluster: Cluster) -> None:
    _made(cluster, "dispatch.events.tiny", cleanup_policy="compact,delete")

    [finding] = _findings(cluster)
    assert "is compacted" in finding


def test_snapshots_that_are_not_compacted_are_found(cluster: Cluster) -> None:
    _made(cluster, "dispatch.snapshots")

    [finding] = _findings(cluster)
    assert "cleanup.policy=delete, not compact" in finding


def test_a_log_whose_head_is_gone_is_found(dispatcher: Command, cluster: Cluster) -> None:
    dispatcher("topics", "apply")
    published = dispatcher("recommendations", "publish", "-", stdin=lines(line(1), line(2)))
    assert published.code == 0, published.err
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    where = TopicPartition(cluster.topic("recommendations"), 0, 1)
    for answer in admin.delete_records([where]).values():
        answer.result()

    checked = dispatcher("topics", "check", "--json")

    assert checked.code == 6
    [finding] = checked.data["findings"]
    assert "starts at offset 1: its head is gone" in finding


def test_one_replica_will_do_in_development_alone(cluster: Cluster) -> None:
    apply_topics(cluster, [TINY])

    found = check_topics(cluster, [TINY], development=False)

    assert sum("fewer than 3" in one for one in found) == 6
    assert sum("min.insync.replicas=1" in one for one in found) == 6
