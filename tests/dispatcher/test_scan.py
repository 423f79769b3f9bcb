"""Reading a topic once, from an offset to its end."""

from consumers.cluster import Cluster
from consumers.scan import scan
from consumers.topics_admin import apply_topics
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS


def test_a_reader_sent_beyond_the_end_reads_nothing_and_lets_go_each_time(cluster: Cluster) -> None:
    apply_topics(cluster, (AccountName("tiny"),), replication_factor=1)

    found = [list(scan(cluster, RECOMMENDATIONS.name, start=7)) for _ in range(200)]

    assert found == [[]] * 200
