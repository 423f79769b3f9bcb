"""Who sits at an account and who stands by, and what still waits to be decided there."""

from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException

from consumers.cluster import Cluster
from consumers.kafka import admin_client, committed_offset, consumer_config, unreachable
from consumers.scan import scan
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS

_TIMEOUT_S: Final = 6.0


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
    asked = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)
    try:
        found = asked[group].result(_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return Seat(group=group, group_state="DEAD")
        raise unreachable(error) from error
    holder, standbys = None, []
    for one in found.members:
        host = str(one.host).removeprefix("/")
        member = Member(client_id=one.client_id, member_id=one.member_id, host=host)
        if one.assignment is not None and one.assignment.topic_partitions:
            holder = member
        else:
            standbys.append(member)
    return Seat(
        group=group,
        group_state=found.state.name,
        holder=holder,
        standbys=tuple(sorted(standbys, key=lambda one: one.client_id)),
    )


def undecided(cluster: Cluster, account: AccountName, next_offset: int) -> int:
    """Return how many recommendations wait for the account, which has decided up to `next_offset`.

    Records are counted, not offsets: marks of transactions take some, and dead letters are done
    with where the group's own offset says so.

    Raises:
        ConfigurationError: There is no topic of recommendations.
        ServiceUnreachable: Kafka does not answer.
    """
    start = max(decided_to(cluster, account), next_offset)
    return sum(1 for _ in scan(cluster, RECOMMENDATIONS.name, start=start))


def decided_to(cluster: Cluster, account: AccountName) -> int:
    """Return the offset of the next recommendation that the account's group has to decide.

    0 where it has none, or where Kafka has dropped it after a quiet week.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    config = consumer_config(cluster.bootstrap_servers, cluster.dispatchers_of(account))
    asking = Consumer({**config, "log_level": 0})  # it never joins the group whose name it has
    try:
        return committed_offset(asking, cluster.topic(RECOMMENDATIONS.name)) or 0
    finally:
        asking.close()
