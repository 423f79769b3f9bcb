"""The schema registry: schemas are looked up here, and registered by command only.

What was looked up once is remembered, so that decoding goes on while the registry is down.
"""

import json
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from consumers.errors import ConfigurationError, DifferenceFound, ServiceUnreachable
from events.avro import Json, avro_schema
from events.catalog import EVENTS, NAMESPACE, AnyEvent
from schemas import canonical, fingerprint

_T = TypeVar("_T")

COMPATIBILITY: Final = "FULL_TRANSITIVE"
_BOUNDED: Final[dict[str, Any]] = {  # as it comes the client waits for ever
    "timeout": 2.5,
    "max.retries": 1,
    "retries.wait.ms": 100,
    "retries.max.wait.ms": 500,
}
_QUESTIONS_AT_ONCE: Final = 4
_TRIES: Final = 3
_NO_SUCH: Final = frozenset({40401, 40402, 40403})
_HTTP_CONFLICT: Final = 409
_HTTP_UNPROCESSABLE: Final = 422


def subject_of(event_type: type[AnyEvent]) -> str:
    """Return where an event type's versions are registered: its full record name."""
    return f"{NAMESPACE}.{event_type.__name__}"


class RegistrySchemaSource:
    """An `events.codec.SchemaSource` on a Confluent-compatible registry at `url`.

    Nothing is ever registered. A call ends within some 6 seconds, whatever the registry does.
    """

    def __init__(self, url: str) -> None:
        self._registry = _Registry(url)
        self._ids: dict[type[AnyEvent], int] = {}
        self._schemas: dict[int, Json] = {}

    def id_of(self, event_type: type[AnyEvent]) -> int:
        """Return the id of exactly our schema of `event_type`.

        Raises:
            ConfigurationError: It is not registered.
            ServiceUnreachable: The registry gives no answer.
        """
        if event_type not in self._ids:
            subject = subject_of(event_type)
            found = self._registry.look_up(subject, avro_schema(event_type))
            if found is None:
                raise ConfigurationError(
                    f"the schema of {subject} is not registered as this build has it: "
                    "run `dispatcher schemas register`"
                )
            self._ids[event_type] = found.schema_id
        return self._ids[event_type]

    def schema_of(self, schema_id: int) -> Json | None:
        """Return the schema of an id, None when the registry says that there is none.

        Raises:
            ServiceUnreachable: The registry gives no answer.
        """
        if schema_id not in self._schemas:
            found = self._registry.schema(schema_id)
            if found is None:
                return None
            self._schemas[schema_id] = found
        return self._schemas[schema_id]

    def close(self) -> None:
        """Close the connection; what was looked up stays known."""
        self._registry.close()


def schema_findings(
    source: RegistrySchemaSource, event_types: Iterable[type[AnyEvent]] = EVENTS
) -> list[str]:
    """Return a sentence for each event type whose registered schema is missing or not ours.

    Raises:
        ServiceUnreachable: The registry gives no answer.
    """
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as asking:
        found = asking.map(partial(_finding, source), event_types)
        return [finding for finding in found if finding is not None]


def _finding(source: RegistrySchemaSource, event_type: type[AnyEvent]) -> str | None:
    try:
        schema_id = source.id_of(event_type)
    except ConfigurationError as error:
        return str(error)
    schema = source.schema_of(schema_id)
    if schema is not None and fingerprint(schema) == fingerprint(avro_schema(event_type)):
        return None
    return (
        f"id {schema_id} of {subject_of(event_type)} leads to another schema than this "
        "build's: the registry has lost or re-used ids; restore it from its backup"
    )


def check_schemas(
    source: RegistrySchemaSource, event_types: Iterable[type[AnyEvent]] = EVENTS
) -> None:
    """Hold ids against fingerprints, before the first write and the first decode.

    Afterwards `source` knows these schemas of this build without the registry.

    Raises:
        ConfigurationError: A schema is not registered, or its id leads to another one.
        ServiceUnreachable: The registry gives no answer.
    """
    found = schema_findings(source, event_types)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ConfigurationError(f"{found[0]}{more}")


@dataclass(frozen=True, slots=True)
class Registered:
    """One subject after `register`; `new` when this call made the version."""

    subject: str
    schema_id: int
    version: int
    new: bool


def register(url: str, event_types: Iterable[type[AnyEvent]] = EVENTS) -> list[Registered]:
    """Register every event type's schema that is not registered yet, in a stable order.

    Raises:
        DifferenceFound: A schema cannot follow the versions before it; those named earlier in the
            order are registered, nothing else has changed.
        ServiceUnreachable: The registry gives no answer.
    """
    registry = _Registry(url)
    try:
        return [
            registry.register(subject_of(event_type), avro_schema(event_type))
            for event_type in event_types
        ]
    finally:
        registry.close()


def register_schema(url: str, subject: str, schema: Json) -> Registered:
    """Register one schema under a subject that takes compatible versions only; see `register`."""
    registry = _Registry(url)
    try:
        return registry.register(subject, schema)
    finally:
        registry.close()


class _Registry:
    def __init__(self, url: str) -> None:
        self._url = url.rpartition("@")[2]  # what errors may show: never a password
        try:
            self._client = SchemaRegistryClient({"url": url, **_BOUNDED})
        except ValueError as error:
            raise ConfigurationError(f"registry.url {self._url!r} is not usable: {error}") from None
        # Whoever forgets to close leaves no connection behind all the same.
        self.close = weakref.finalize(self, self._client.close)

    def look_up(self, subject: str, schema: Json) -> Registered | None:
        ours = _avro(schema)
        found = self._ask(lambda: self._client.lookup_schema(subject, ours))
        if found is None or found.schema_id is None or found.version is None:
            return None
        return Registered(subject, found.schema_id, found.version, new=False)

    def schema(self, schema_id: int) -> Json | None:
        found = self._ask(lambda: self._client.get_schema(schema_id))
        if found is None or found.schema_str is None:
            return None
        try:
            schema = json.loads(found.schema_str)
        except ValueError:  # Protobuf, say: whatever has it for a schema is no event of ours
            return {}
        return schema if isinstance(schema, dict) else {"type": schema}

    def register(self, subject: str, schema: Json) -> Registered:
        self._require_compatibility(subject)
        known = self.look_up(subject, schema)
        if known is not None:
            return known
        try:
            self._ask(lambda: self._client.register_schema(subject, _avro(schema)))
        except SchemaRegistryError as error:
            known = self.look_up(subject, schema)
            if known is not None:  # somebody has registered it meanwhile
                return known
            raise DifferenceFound(
                f"the schema of {subject} cannot follow its registered versions under "
                f"{COMPATIBILITY}: {_one_line(error)}; change the event type so that old and new "
                "read each other (a new field needs a default)"
            ) from None
        made = self.look_up(subject, schema)
        if made is None:
            raise ServiceUnreachable(
                f"the registry at {self._url} took {subject} and does not know it: try again"
            )
        return Registered(subject, made.schema_id, made.version, new=True)

    def _require_compatibility(self, subject: str) -> None:
        """Set the subject's rule; a registry may refuse to make it twice at the same moment."""
        for left in reversed(range(_TRIES)):
            try:
                self._ask(lambda: self._client.set_compatibility(subject, COMPATIBILITY))
            except SchemaRegistryError as error:
                if not left:
                    raise ServiceUnreachable(
                        f"the registry at {self._url} does not take {COMPATIBILITY} for "
                        f"{subject}: {_one_line(error)}; try again"
                    ) from error
            else:
                return

    def _ask(self, question: Callable[[], _T]) -> _T | None:
        try:
            return question()
        except SchemaRegistryError as error:
            if error.error_code in _NO_SUCH:
                return None
            if error.http_status_code in (_HTTP_CONFLICT, _HTTP_UNPROCESSABLE):
                raise
            raise ServiceUnreachable(
                f"the schema registry at {self._url} gives no answer: HTTP "
                f"{error.http_status_code}; is registry.url right, and is it up?"
            ) from error
        except Exception as error:  # its HTTP library is not ours to know
            raise ServiceUnreachable(
                f"the schema registry at {self._url} cannot be reached "
                f"({type(error).__name__}: {error}): start it, or correct registry.url"
            ) from error


def _avro(schema: Json) -> Schema:
    return Schema(canonical(schema), "AVRO")


def _one_line(error: SchemaRegistryError) -> str:
    return " ".join(str(error.error_message).split())[:300]
