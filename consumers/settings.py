"""What `dispatcher.toml` may say: every key with its type; nothing is guessed or replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, NotFoundError
from consumers.settings_account import AccountSettings
from consumers.settings_source import chosen_file, explain, read_tree
from consumers.settings_values import Table, Text, all_different, require_connection_string


class KafkaSettings(Table):
    """Where Kafka is. Only in ``development`` may topics have fewer than 3 replicas.

    `topic_prefix` stands before every topic, group and transactional id, so that several systems
    can share one Kafka.
    """

    bootstrap_servers: Text
    topic_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{0,100}$")] = ""
    environment: Literal["development", "production"] = "development"

    @property
    def cluster(self) -> Cluster:
        """The Kafka that these settings mean, and our corner of it."""
        return Cluster(self.bootstrap_servers, self.topic_prefix)


class RegistrySettings(Table):
    """Where the schema registry is: the base URL of its Confluent-compatible interface."""

    url: Annotated[Text, Field(pattern=r"^https?://")]


def _connection_string(dsn: SecretStr) -> SecretStr:
    require_connection_string(dsn.get_secret_value())
    return dsn


class PostgresSettings(Table):
    """Where projections keep their tables. A dispatcher needs none of this."""

    dsn: Annotated[SecretStr, AfterValidator(_connection_string)]


class BreakGlassSettings(Table):
    """The file whose presence halts accounts without Kafka; left out: beside the configuration.

    A relative path starts at the configuration's directory.
    """

    file: Annotated[Path, Field(strict=False)] | None = None


class Settings(Table):
    """Everything of one `dispatcher.toml`, checked."""

    kafka: KafkaSettings
    registry: RegistrySettings
    postgres: PostgresSettings | None = None
    break_glass: BreakGlassSettings = BreakGlassSettings()
    accounts: dict[str, AccountSettings]

    @model_validator(mode="before")
    @classmethod
    def _accounts_know_their_names(cls, tables: dict[str, Any]) -> dict[str, Any]:
        accounts = tables.get("accounts")
        if not isinstance(accounts, dict):
            return tables
        for name, table in accounts.items():
            if isinstance(table, dict) and "name" in table:
                raise ValueError(f"accounts.{name}.name is not a known key: the table names it")
        named = {
            name: {**table, "name": name} if isinstance(table, dict) else table
            for name, table in accounts.items()
        }
        return {**tables, "accounts": named}

    @model_validator(mode="after")
    def _accounts_are_different_ones(self) -> Self:
        """Two logs of one account at the broker would each find the other's orders strange."""
        all_different(
            {name: one.broker_account_number for name, one in self.accounts.items()},
            "the same broker_account_number: each account at the broker has one log",
        )
        all_different(
            {
                name: one.alpaca.key_id.get_secret_value()
                for name, one in self.accounts.items()
                if one.alpaca is not None
            },
            "the same alpaca.key_id: a key opens one account at the broker",
        )
        return self

    def account(self, name: str) -> AccountSettings:
        """Return one account's settings.

        Raises:
            NotFoundError: No such account is configured; the sentence lists those that are.
        """
        if name not in self.accounts:
            known = ", ".join(sorted(self.accounts)) or "none at all"
            raise NotFoundError(f"account {name!r} is not configured; configured are: {known}")
        return self.accounts[name]

    def postgres_dsn(self) -> str:
        """Return the data source name of PostgreSQL, password and all: never print it.

        Raises:
            ConfigurationError: The configuration has no ``[postgres]``.
        """
        if self.postgres is None:
            raise ConfigurationError(
                "postgres.dsn is missing: this command needs PostgreSQL; add it to the "
                "configuration or set DISPATCHER__POSTGRES__DSN"
            )
        return self.postgres.dsn.get_secret_value()


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the configuration: `path`, else ``DISPATCHER_CONFIG``, else ``./dispatcher.toml``.

    Any key may be overridden by the environment: ``DISPATCHER__KAFKA__BOOTSTRAP_SERVERS``.

    Raises:
        ConfigurationError: The file is missing or no TOML, or a key is unknown, missing or of a
            wrong type: the sentence names it in full.
    """
    file = chosen_file(path, environ)
    tree = read_tree(file, environ)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise explain(file, environ, error) from None
    named = settings.break_glass.file or Path(f"{file.name}.halt")
    glass = BreakGlassSettings(file=file.absolute().parent / named)
    return settings.model_copy(update={"break_glass": glass})
