"""What most commands begin with: the configuration, quiet logs, a codec on checked schemas."""

import os
from collections.abc import Iterable
from pathlib import Path

from consumers.logs import configure_logs
from consumers.registry import RegistrySchemaSource, check_schemas
from consumers.settings import Settings, load_settings
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec


def settings_from(config: Path | None, *, service: bool = False) -> Settings:
    """Return the configuration; a `service` logs what it does, any other command only errors.

    Raises:
        ConfigurationError: See `load_settings`.
    """
    configure_logs(least="info" if service else "error")
    return load_settings(config, os.environ)


def checked_codec(settings: Settings, event_types: Iterable[type[AnyEvent]] = EVENTS) -> Codec:
    """Return a codec on the registry, after ids were held against fingerprints.

    Raises:
        ConfigurationError: A schema is not registered, or its id leads to another one.
        ServiceUnreachable: The registry gives no answer.
    """
    source = RegistrySchemaSource(settings.registry.url)
    check_schemas(source, event_types)
    return Codec(source)
