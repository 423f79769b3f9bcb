"""Accounts: is the log of the account that is configured, and does a dispatcher decide?"""

from collections.abc import Iterator
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from accounts.state import Trading, TradingStatus
from consumers.account_states import folded
from consumers.cluster import Cluster
from consumers.dispatcher.break_glass import BreakGlass
from consumers.dispatcher.opening import check_identity
from consumers.doctor.finding import Finding, age, failed, ok, warn
from consumers.doctor.offsets import TIMEOUT_S, Offsets
from consumers.errors import ConfigurationError, DispatcherError
from consumers.freshness import backlogs
from consumers.kafka import admin_client, unreachable
from consumers.offsets import described
from consumers.scan import scan
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from events.account import AccountOpened
from events.codec import Codec, Undecodable
from events.topics import RECOMMENDATIONS, log_of

_LATE_S: Final = 10.0


def check_identity_of(settings: Settings, account: AccountSettings, codec: Codec) -> list[Finding]:
    """Hold the account in the log's first event against the one that is configured."""
    name = f"account {account.name}"
    cure = "dispatcher config check"
    try:
        opened = _opened(settings.kafka.cluster, account, codec)
        check_identity(opened, account, account.broker_account_number)
    except DispatcherError as error:
        return [failed(name, error, cure)]
    if opened is None:
        return [ok(name, "has no event yet: its story begins with its first run")]
    return [ok(name, f"opened as {opened.mode} {opened.broker_account_number}, as configured")]


def check_trading(settings: Settings, account: AccountSettings, codec: Codec) -> Iterator[Finding]:
    """Say whether the account trades; if not, who stopped it, why, and what ends it."""
    name = f"trading {account.name}"
    resume = f'dispatcher accounts resume {account.name} --reason "…"'
    glass = settings.break_glass.file
    broken = BreakGlass(glass, account.name, settings.accounts).reason()
    if broken is not None:
        yield warn(name, f"held by the break-glass file: {broken}", f"rm {glass}, then {resume}")
        return
    state = folded(settings, account.account, codec)
    trading = Trading() if state is None else state.trading
    if trading.status is TradingStatus.ACTIVE:
        yield ok(name, "active")
        return
    since = "" if trading.since is None else f" since {trading.since:%Y-%m-%d %H:%M:%S} UTC"
    says = f"{trading.status.lower()}{since} by {trading.by}: {trading.reason}"
    yield warn(name, says, f"once its cause is gone: {resume}")


def check_dispatcher(
    settings: Settings, account: AccountSettings, offsets: Offsets, now_s: float
) -> Iterator[Finding]:
    """Say whether somebody decides for the account, and how late."""
    name = f"dispatcher {account.name}"
    cure = f"dispatcher accounts run {account.name}"
    cluster = settings.kafka.cluster
    if RECOMMENDATIONS.name not in offsets.existing():
        return  # the layout's finding says so
    members, committed = _group(cluster, account)
    running = f"{members} running" if members else "none is running"
    if committed is None:
        says, late_s = f"{running}; nothing is decided yet", 0.0
    else:
        place = (RECOMMENDATIONS.name, 0)
        [end] = offsets.ends([RECOMMENDATIONS.name], committed=True).values()
        [waiting] = backlogs(cluster, [(place, committed)], {place: end}).values()
        late_s = 0.0 if waiting.oldest_s is None else now_s - waiting.oldest_s
        says = f"{running}; nothing is undecided"
        if waiting.records:
            exactly = "" if waiting.exact else "up to "
            says = f"{running}; {exactly}{waiting.records} undecided, the oldest {age(late_s)} old"
    if members and late_s > _LATE_S:
        cure = "read its log; a historical clock waits for the next moment's recommendations"
    yield ok(name, says) if members and late_s <= _LATE_S else warn(name, says, cure)


def _opened(cluster: Cluster, account: AccountSettings, codec: Codec) -> AccountOpened | None:
    for message in scan(cluster, log_of(account.account).name):
        try:
            event = codec.decode(message.value())
        except Undecodable as error:
            raise ConfigurationError(
                f"offset {message.offset()} of the log is no event of the account: {error}"
            ) from error
        return event if isinstance(event, AccountOpened) else None
    return None


def _group(cluster: Cluster, account: AccountSettings) -> tuple[int, int | None]:
    """Return how many processes are in the account's group, and what it has committed."""
    admin = admin_client(cluster.bootstrap_servers)
    group = cluster.dispatchers_of(account.account)
    where = TopicPartition(cluster.topic(RECOMMENDATIONS.name), 0)
    asked = ConsumerGroupTopicPartitions(group, [where])
    try:
        members = len(described(admin, group).members)
        [listed] = admin.list_consumer_group_offsets([asked], request_timeout=TIMEOUT_S).values()
        [found] = listed.result().topic_partitions
    except KafkaException as error:
        raise unreachable(error) from error
    return members, found.offset if found.offset >= 0 else None
