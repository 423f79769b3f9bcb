"""Kafka: one node that is broker and controller, from the jars of its Maven packages."""

import logging
import os
import shutil
from typing import ClassVar

from stack import chores, downloads
from stack.artifacts import read_pins
from stack.errors import ServerError
from stack.java import java_command
from stack.ports import HOST, listens
from stack.progress import Progress
from stack.server import Command, Server, ServerName

_SETTINGS = "server.properties"
_ANSWER_TIMEOUT_S = 3.0

# A killed broker is let in again only when its old session has expired: hence the short one.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs=data
auto.create.topics.enable=false
log.retention.ms=-1
offsets.retention.minutes=525600
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
"""


class Kafka(Server):
    """The event log."""

    __slots__ = ()
    name: ClassVar[ServerName] = "kafka"
    title: ClassVar[str] = "Kafka"
    port_names: ClassVar[tuple[str, ...]] = ("kafka", "kafka-controller")

    @property
    def address(self) -> str:
        """`host:port`, for `bootstrap.servers`."""
        return f"{HOST}:{self.port}"

    @property
    def mark_argument(self) -> str:
        """Carry the mark as a Java property."""
        return f"-D{self.mark}"

    def prepare(self, progress: Progress) -> Command:
        """Get the jars, write the settings, and format the data folder the first time."""
        jars = downloads.ensure("kafka", progress)
        # No wildcard: nothing runs that is not pinned.
        classpath = os.pathsep.join(str(jars / pin.file_name) for pin in read_pins().kafka)
        # All paths are relative to the server's folder: a comma or an umlaut in the directory's
        # name would mean something else to Kafka's settings and to Java.
        (self.home / _SETTINGS).write_text(
            _PROPERTIES.format(
                host=HOST,
                port=self.port,
                controller_port=self.place.port("kafka-controller"),
            )
        )
        java = java_command(
            self.home,
            self.mark,
            "org.slf4j.simpleLogger.defaultLogLevel=warn",
            "org.slf4j.simpleLogger.showDateTime=true",
            "org.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        )
        self._format_once([*java, "-cp", classpath])
        return Command([*java, "-cp", classpath, "kafka.Kafka", _SETTINGS], {}, self.home)

    def _format_once(self, java: list[str]) -> None:
        formatted = self.home / "formatted"
        with chores.alone(self.home) as lock:
            if formatted.exists():
                return
            shutil.rmtree(self.data, ignore_errors=True)  # half formatted by a killed start
            cluster = _cluster_id(self.place.state.stack_id)
            arguments = ["format", "--standalone", "-t", cluster, "-c", _SETTINGS]
            command = [*java, "kafka.tools.StorageTool", *arguments]
            # Its output may hold keys: it is neither shown nor kept.
            exit_code = chores.run(command, lock=lock, directory=self.home, log_file=None)
            if exit_code != 0:
                raise ServerError(
                    f"Kafka could not format its data folder {self.data} (exit code {exit_code}): "
                    "make sure that the disk has room and can be written."
                )
            formatted.touch()

    def answers(self) -> bool:
        """Ask for the list of topics."""
        if not listens(self.port):  # the client library would complain on standard error
            return False
        from confluent_kafka import KafkaException  # noqa: PLC0415 - slow to import
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - as above

        quiet = logging.getLogger("stack.kafka.probe")
        quiet.disabled = True
        client = AdminClient({"bootstrap.servers": self.address}, logger=quiet)
        try:
            return len(client.list_topics(timeout=_ANSWER_TIMEOUT_S).brokers) > 0
        except KafkaException:
            return False


def _cluster_id(stack_id: str) -> str:
    # Kafka wants a UUID in base64; 22 characters of the right alphabet that end in A, Q, g or w.
    return f"{stack_id:0<21}"[:21] + "A"
