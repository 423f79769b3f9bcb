"""Make the topics that the accounts need, and refuse a layout that would break a promise."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not re-exported
    ConfigResource,
    NewTopic,
    ResourceType,
)

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.kafka import admin_client
from consumers.offsets import watermarks
from events.identifiers import AccountName
from events.topics import FOREVER, Keeps, Topic, topics_for

TIMEOUT_S: Final = 6.0
REPLICAS_MIN: Final = 3
IN_SYNC_MIN: Final = 2
_ALREADY_THERE: Final = KafkaError.TOPIC_ALREADY_EXISTS
_CURE: Final = "run `dispatcher topics apply`"

Finding: TypeAlias = str
"""One sentence: what is wrong with a topic, why that matters, and the cure."""


class _Layout(NamedTuple):
    partitions: int
    replicas: int
    config: dict[str, str]
    low: int


def apply_topics(
    cluster: Cluster,
    accounts: Iterable[AccountName],
    replication_factor: int | None = None,
) -> list[str]:
    """Create the topics that are missing and return their names; existing ones stay as they are.

    Args:
        cluster: Which corner of which Kafka.
        accounts: Whose logs and commands are needed; the shared topics always are.
        replication_factor: Copies of each record; None takes 3, or as many as there are nodes.

    Raises:
        ServiceUnreachable: Kafka gives no answer.
        ConfigurationError: Kafka refused to create one; the sentence has its words.
    """
    wanted = _real(cluster, accounts)
    admin = admin_client(cluster.bootstrap_servers)
    known = _ask(lambda: admin.list_topics(timeout=TIMEOUT_S))
    missing = [topic for topic in wanted if topic.name not in known.topics]
    if not missing:
        return []
    replicas = replication_factor or min(REPLICAS_MIN, len(known.brokers))
    answers = admin.create_topics(
        [_new_topic(topic, replicas) for topic in missing], operation_timeout=TIMEOUT_S
    )
    return [name for name, answer in answers.items() if _created(name, answer)]


def check_topics(
    cluster: Cluster, accounts: Iterable[AccountName], *, development: bool
) -> list[Finding]:
    """Return what is wrong with the topics of `accounts` and the shared ones; empty is good.

    Args:
        cluster: Which corner of which Kafka.
        accounts: Whose logs and commands to look at.
        development: Whether fewer than 3 replicas, 2 of them in sync, will do.

    Raises:
        ServiceUnreachable: Kafka gives no answer.
    """
    topics = _real(cluster, accounts)
    layouts = _layouts(cluster.bootstrap_servers, topics)
    findings: list[Finding] = []
    for topic in topics:
        layout = layouts.get(topic.name)
        if layout is None:
            findings.append(f"topic {topic.name} does not exist: {_CURE}")
            continue
        findings += _about_layout(topic, layout)
        if not development:
            findings += _about_replicas(topic, layout)
    return findings


def check_account_topics(cluster: Cluster, account: AccountName, *, development: bool) -> None:
    """Refuse to start an account's dispatcher on a layout that would break a promise.

    Raises:
        ConfigurationError: A topic of the account, or a shared one, is not as it must be.
        ServiceUnreachable: Kafka gives no answer.
    """
    findings = check_topics(cluster, [account], development=development)
    if findings:
        raise ConfigurationError("; ".join(findings))


def _real(cluster: Cluster, accounts: Iterable[AccountName]) -> list[Topic]:
    return [replace(topic, name=cluster.topic(topic.name)) for topic in topics_for(accounts)]


def _about_layout(topic: Topic, layout: _Layout) -> Iterable[Finding]:
    name, policy = topic.name, layout.config.get("cleanup.policy", "")
    if layout.partitions != topic.partitions:
        yield (
            f"topic {name} has {layout.partitions} partitions, not {topic.partitions}: its order "
            "is lost; copy its records into a new topic of one partition"
        )
    if topic.keeps is Keeps.COMPACTED and policy != "compact":
        yield f"topic {name} has cleanup.policy={policy}, not compact: set it to compact"
    if topic.keeps is not Keeps.FOREVER:
        return
    if "compact" in policy:
        yield (
            f"topic {name} is compacted, so that records vanish: set cleanup.policy=delete and "
            "restore what is gone from a backup"
        )
    for key in ("retention.ms", "retention.bytes"):
        if layout.config.get(key, str(FOREVER)) != str(FOREVER):
            yield (
                f"topic {name} has {key}={layout.config[key]}, so that its records will be "
                f"deleted: set {key}=-1"
            )
    if layout.low > 0:
        yield (
            f"topic {name} starts at offset {layout.low}: its head is gone and cannot be folded; "
            "restore the topic from a backup"
        )


def _about_replicas(topic: Topic, layout: _Layout) -> Iterable[Finding]:
    if layout.replicas < REPLICAS_MIN:
        yield (
            f"topic {topic.name} has replicas: {layout.replicas}, fewer than {REPLICAS_MIN}: "
            'reassign it to more nodes, or say kafka.environment = "development"'
        )
    in_sync = int(layout.config.get("min.insync.replicas", "1"))
    if in_sync < IN_SYNC_MIN:
        yield (
            f"topic {topic.name} has min.insync.replicas={in_sync}, so that an acknowledged "
            f"record can be lost with one node: set it to {IN_SYNC_MIN}"
        )


def _layouts(bootstrap_servers: str, topics: list[Topic]) -> dict[str, _Layout]:
    admin = admin_client(bootstrap_servers)
    known = _ask(lambda: admin.list_topics(timeout=TIMEOUT_S)).topics
    there = [topic.name for topic in topics if topic.name in known]
    if not there:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in there]
    answers = admin.describe_configs(resources, request_timeout=TIMEOUT_S)
    configs = {
        resource.name: {key: str(entry.value) for key, entry in _ask(answer.result).items()}
        for resource, answer in answers.items()
    }
    lows = _first_offsets(bootstrap_servers, there)
    return {
        name: _Layout(
            partitions=len(known[name].partitions),
            replicas=min(len(p.replicas) for p in known[name].partitions.values()),
            config=configs[name],
            low=lows[name],
        )
        for name in there
    }


def _first_offsets(bootstrap_servers: str, names: list[str]) -> dict[str, int]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": "dispatcher-topics", "log_level": 0}
    )
    try:
        return {name: watermarks(consumer, name)[0] for name in names}
    finally:
        consumer.close()


def _new_topic(topic: Topic, replicas: int) -> NewTopic:
    config = topic.config()
    if replicas >= REPLICAS_MIN:
        config["min.insync.replicas"] = str(IN_SYNC_MIN)
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=replicas,
        config=config,
    )


def _created(name: str, answer: Any) -> bool:  # noqa: ANN401 -- a future of confluent_kafka's
    try:
        answer.result()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == _ALREADY_THERE:  # another one was quicker
            return False
        raise ConfigurationError(
            f"Kafka refused to create topic {name}: {reason.str()}; correct that and {_CURE} again"
        ) from error
    return True


def _ask(question: Callable[[], Any]) -> Any:  # noqa: ANN401 -- Kafka's answers are of many types
    try:
        return question()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        raise ServiceUnreachable(
            f"Kafka gives no answer: {reason.str()}; is it up, and kafka.bootstrap_servers right?"
        ) from error
