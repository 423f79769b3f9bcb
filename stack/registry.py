"""The schema registry: Apicurio, which speaks the Confluent protocol."""

import http.client
from typing import ClassVar

from stack import downloads
from stack.java import java_command
from stack.ports import HOST
from stack.progress import Progress
from stack.server import Command, Server, ServerName

_ANSWER_TIMEOUT_S = 3.0
_PATH = "/apis/ccompat/v7"


class Registry(Server):
    """The schema registry."""

    __slots__ = ()
    name: ClassVar[ServerName] = "registry"
    title: ClassVar[str] = "Registry"
    port_names: ClassVar[tuple[str, ...]] = ("registry", "registry-management")

    @property
    def address(self) -> str:
        """The URL of the Confluent-compatible API."""
        return f"http://{HOST}:{self.port}{_PATH}"

    @property
    def mark_argument(self) -> str:
        """Carry the mark as a Java property."""
        return f"-D{self.mark}"

    def prepare(self, progress: Progress) -> Command:
        """Get the program."""
        program = downloads.ensure("registry", progress)
        self.data.mkdir(exist_ok=True)
        environment = {
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(self.port),
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(self.place.port("registry-management")),
            "QUARKUS_LOG_LEVEL": "WARN",
            "QUARKUS_BANNER_ENABLED": "false",
            # Without WRITE_DELAY=0 a kill -9 loses acknowledged schemas and hands out their ids
            # again, after which old events would be read with the wrong schema.
            "APICURIO_DATASOURCE_URL": "jdbc:h2:file:./data/registry;WRITE_DELAY=0",
        }
        java = java_command(self.home, self.mark)
        return Command([*java, "-jar", str(program / "quarkus-run.jar")], environment, self.home)

    def answers(self) -> bool:
        """Ask for the list of subjects."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_ANSWER_TIMEOUT_S)
        try:
            connection.request("GET", f"{_PATH}/subjects")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
