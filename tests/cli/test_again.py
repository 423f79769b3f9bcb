"""A decision that this build would not take."""

from dataclasses import replace

from confluent_kafka import Producer

from consumers.settings import load_settings
from consumers.settings_hash import limits_json
from events import roles
from events.account import DispatcherStarted
from events.codec import Codec
from events.identifiers import RecommendationId, account_name
from tests.builders import NOW, RUN, a_decline, an_author, an_opening
from tests.cli.advice import line
from tests.cli.running import Command, Place

TINY = account_name("tiny")


def test_a_decision_that_comes_out_otherwise_is_a_difference_gate_by_gate(
    dispatcher: Command, place: Place, codec: Codec
) -> None:
    assert dispatcher("topics", "apply").code == 0
    assert dispatcher("recommendations", "publish", "-", stdin=line(1)).code == 0
    settings = load_settings(dispatcher.directory / "dispatcher.toml", {})
    author = an_author(TINY)
    started = DispatcherStarted(
        envelope=author.about(f"run:{RUN}", roles.started(1), occurred_at=NOW),
        host="host",
        process_id=1,
        limits=limits_json(settings.account(TINY)),
    )
    decline = a_decline(1)  # by a build that asked no gate at all
    assert decline.envelope.source is not None
    envelope = author.about_recommendation(
        RecommendationId(1),
        roles.DECISION,
        occurred_at=NOW,
        source=replace(decline.envelope.source, offset=0),
    )
    seen = replace(decline.seen, log=2)
    producer = Producer({"bootstrap.servers": place.bootstrap_servers})
    for event in (
        an_opening(by=author),
        started,
        replace(decline, envelope=envelope, seen=seen),
    ):
        producer.produce(f"{place.prefix}dispatch.events.tiny", codec.encode(event))
    assert producer.flush(30) == 0

    answer = dispatcher("recommendations", "show", "1", "--account", "tiny", "--again")

    assert answer.code == 6, answer.err
    assert "it is NOT the same" in answer.out
    assert "confidence then: not asked" in answer.out
    assert "confidence now:  passed, sure enough" in answer.out
    assert "a decision does not come out the same" in answer.sentence
