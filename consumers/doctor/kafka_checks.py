"""Kafka: does it answer, are the topics as they must be, does a transaction hang?"""

import re
from collections.abc import Iterator
from typing import Final

from consumers.doctor.finding import Finding, age, fail, failed, ok
from consumers.doctor.offsets import Offsets
from consumers.errors import ServiceUnreachable
from consumers.settings import Settings
from consumers.topics_admin import check_topics
from events.topics import topics_for

_SETTING: Final = re.compile(r"set ([\w.]+=[\w-]+)")
_CLEAN_UP_S: Final = 10  # Kafka looks for transactions past their time-out this often
_SLACK_S: Final = 20


def check_kafka(settings: Settings, offsets: Offsets) -> Iterator[Finding]:
    """Say whether Kafka answers."""
    where = settings.kafka.bootstrap_servers
    try:
        count = len(offsets.existing())
    except ServiceUnreachable as error:
        yield failed("kafka", error, f"start Kafka at {where}, or correct kafka.bootstrap_servers")
        return
    yield ok("kafka", f"answers at {where}; {count} topics in our corner of it")


def check_layout(settings: Settings) -> Iterator[Finding]:
    """Say whether the topics are there, and keep what they must keep."""
    accounts = [account.account for account in settings.accounts.values()]
    development = settings.kafka.environment == "development"
    findings = check_topics(settings.kafka.cluster, accounts, development=development)
    missing = [finding for finding in findings if "does not exist" in finding]
    if missing:
        more = f" (and {len(missing) - 1} more do not)" if len(missing) > 1 else ""
        says = missing[0].partition(":")[0]
        yield fail("topics", f"{says}{more}", "dispatcher topics apply")
    for finding in findings:
        if finding in missing:
            continue
        says, _, cure = finding.rpartition(": ")
        yield fail("topics", says, _command(says, cure, settings.kafka.bootstrap_servers))
    if not findings:
        count = len(topics_for(accounts))
        yield ok("topics", f"{count} topics: one partition, retention and head as they must be")


def _command(says: str, cure: str, bootstrap_servers: str) -> str:
    """Return what to type where one command mends it, else what to do in words."""
    setting = _SETTING.fullmatch(cure)
    if setting is None:
        return cure.replace("`", "")
    return (
        f"kafka-configs.sh --bootstrap-server {bootstrap_servers} --alter --entity-type topics "
        f"--entity-name {says.split()[1]} --add-config {setting[1]}"
    )


def check_transactions(settings: Settings, offsets: Offsets, now_s: float) -> Iterator[Finding]:
    """Say whether a transaction has been open for longer than any of ours may be."""
    accounts = settings.accounts.values()
    wanted = {topic.name for topic in topics_for([one.account for one in accounts])}
    topics = wanted & offsets.existing()
    stable = offsets.ends(topics, committed=True)
    written = offsets.ends(topics, committed=False)
    held = {topic: stable[topic] for topic in topics if stable[topic] < written[topic]}
    limit_s = max((one.tuning.transaction_timeout_ms / 1000 for one in accounts), default=0.0) + (
        _CLEAN_UP_S + _SLACK_S
    )
    begun = offsets.first_record_times(held, written)
    hung = False
    for topic, at in sorted(held.items()):
        since_s = now_s - (begun[topic] or now_s)
        if since_s > limit_s:
            hung = True
            name = settings.kafka.cluster.topic(topic)
            yield fail(
                "transactions",
                f"{name}: one has been open for {age(since_s)} and hides what was written since",
                f"kafka-transactions.sh --bootstrap-server {settings.kafka.bootstrap_servers} "
                f"abort --topic {name} --partition 0 --start-offset {at}",
            )
    if not hung:
        under_way = f"; {len(held)} under way" if held else ""
        yield ok("transactions", f"none hangs{under_way}")
