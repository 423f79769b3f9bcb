"""Where a topic begins and ends, asked while Kafka is still making up its mind."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.kafka import consumer_config
from consumers.offsets import end_offset, high_watermark, offsets_since, once_led, watermarks
from consumers.topics_admin import apply_topics
from events.identifiers import account_name

NAMES = [account_name(f"a{number}") for number in range(12)]


def test_topics_that_were_just_made_have_ends_at_once(cluster: Cluster) -> None:
    # given: a client that knew Kafka before the topics were
    consumer = Consumer(consumer_config(cluster.bootstrap_servers, cluster.group("ends")))
    try:
        consumer.list_topics(timeout=10)

        # when: two dozen are made, one after the other, and asked for in the same moment
        for name in NAMES:
            for topic in apply_topics(cluster, [name]):
                # then: each begins and ends at 0, and holds nothing of any time
                assert watermarks(consumer, topic) == (0, 0)
                assert end_offset(consumer, topic) == 0
                assert high_watermark(cluster.bootstrap_servers, topic) == 0
                assert offsets_since(consumer, {(topic, 0): 1}) == {(topic, 0): None}
    finally:
        consumer.close()


def test_a_partition_that_does_not_exist_has_no_offset_of_any_moment(cluster: Cluster) -> None:
    [topic, *_] = apply_topics(cluster, [NAMES[0]])
    consumer = Consumer(consumer_config(cluster.bootstrap_servers, cluster.group("ends")))
    try:
        with pytest.raises(ServiceUnreachable, match="does not answer"):
            offsets_since(consumer, {(topic, 7): 1})
    finally:
        consumer.close()


def test_who_does_not_lead_or_coordinate_yet_is_asked_again_after_a_look_at_the_layout() -> None:
    refusals = [
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.NOT_COORDINATOR,
    ]
    looks: list[int] = []

    def ask() -> str:
        if len(looks) < len(refusals):
            raise KafkaException(KafkaError(refusals[len(looks)]))
        return "the answer"

    assert once_led(ask, look_again=lambda: looks.append(1)) == "the answer"
    assert len(looks) == len(refusals)


def test_any_other_refusal_is_told_at_once() -> None:
    def ask() -> str:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    with pytest.raises(KafkaException):
        once_led(ask, look_again=lambda: pytest.fail("asked again"))
