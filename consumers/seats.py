"""Who sits at an account and who stands by, and what still waits to be decided there."""

from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.cluster import Cluster
from consumers.kafka import admin_client, consumer_config, unreachable
from consumers.offsets import committed, described
from consumers.scan import scan
from consumers.waiting import Wait, from_text
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process of an account's dispatchers, as Kafka knows it: its own name, and its address."""

    client_id: str
    member_id: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Who has the seat, None: nobody; and who stands by. `group_state` is Kafka's own word."""

    group: str
    group_state: str
    holder: Member | None = None
    standbys: tuple[Member, ...] = ()


def seat_of(cluster: Cluster, account: AccountName) -> Seat:
    """Return who has the account's seat at this moment.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    group = cluster.dispatchers_of(account)
    admin = admin_client(cluster.bootstrap_servers)
    try:
        found = described(admin, group)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return Seat(group=group, group_state="DEAD")
        raise unreachable(error) from error
    holder, standbys = None, []
    for one in found.members:
        host = str(one.host).removeprefix("/")
        member = Member(client_id=one.client_id, member_id=one.member_id, host=host)
        if one.assignment.topic_partitions:
            holder = member
        else:
            standbys.append(member)
    return Seat(
        group=group,
        group_state=found.state.name,
        holder=holder,
        standbys=tuple(sorted(standbys, key=lambda one: one.client_id)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many recommendations wait for an account, and what the owner of its seat waits for.

    `wait` is None where nothing waits, where nobody has the seat, or where its owner says nothing
    of it: advice that has just come, or that waits for its market.
    """

    records: int
    wait: Wait | None = None


def backlog_of(cluster: Cluster, account: AccountName, next_offset: int, seat: Seat) -> Backlog:
    """Return what waits for the account, which has decided up to `next_offset`.

    Records are counted, not offsets: marks of transactions take some, and dead letters are done
    with where the group's own offset says so. What a process said of itself counts for as long as
    it has the `seat`.

    Raises:
        ConfigurationError: There is no topic of recommendations.
        ServiceUnreachable: Kafka does not answer.
    """
    position = _position(cluster, account)
    start = max(0 if position is None else position.offset, next_offset)
    records = sum(1 for _ in scan(cluster, RECOMMENDATIONS.name, start=start))
    wait = None if position is None else from_text(position.metadata)
    is_its_owners = (
        wait is not None and seat.holder is not None and wait.by == seat.holder.client_id
    )
    return Backlog(records=records, wait=wait if records and is_its_owners else None)


def decided_to(cluster: Cluster, account: AccountName) -> int:
    """Return the offset of the next recommendation that the account's group has to decide.

    0 where it has none, or where Kafka has dropped it after a quiet week.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    position = _position(cluster, account)
    return 0 if position is None else position.offset


def _position(cluster: Cluster, account: AccountName) -> TopicPartition | None:
    config = consumer_config(cluster.bootstrap_servers, cluster.dispatchers_of(account))
    asking = Consumer({**config, "log_level": 0})  # it never joins the group whose name it has
    try:
        return committed(asking, cluster.topic(RECOMMENDATIONS.name))
    finally:
        asking.close()
