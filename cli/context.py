"""What most commands begin with: the configuration, quiet logs, a codec on checked schemas."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from consumers.logs import LogFormat, configure_logs
from consumers.registry import RegistrySchemaSource, check_schemas
from consumers.settings import Settings, load_settings
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec


def service_settings(config: Path | None, log_format: LogFormat | None) -> Settings:
    """Return the configuration for a long-running process, which logs what it does.

    Without a `log_format` lines are plain on a terminal and JSON everywhere else.

    Raises:
        ConfigurationError: See `load_settings`.
    """
    fitting = LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON
    configure_logs(log_format=log_format or fitting)
    return load_settings(config, os.environ)


def settings_from(config: Path | None) -> Settings:
    """Return the configuration for a command, which logs nothing but errors.

    Raises:
        ConfigurationError: See `load_settings`.
    """
    configure_logs(least="error")
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
