"""What `dispatcher.toml` may say: every key with its type; nothing is guessed or replaced."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, get_type_hints

from immutables import Map
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)

from accounts.limits import LARGE, TINY, Limits
from accounts.special_limits import ask_for_brackets
from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, NotFoundError
from consumers.settings_alpaca import AlpacaSettings
from consumers.settings_source import chosen_file, explain, read_tree
from consumers.settings_special import Specials
from consumers.settings_values import (
    Dollars,
    Flag,
    StartFrom,
    Table,
    Text,
    Whole,
    all_different,
    strict,
)
from events.account import CostBasis
from events.identifiers import AccountName, account_name
from events.order import ExecutionMode

_PRESETS: Final[dict[str, Limits]] = {"large": LARGE, "tiny": TINY}


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


class PostgresSettings(Table):
    """Where projections keep their tables. A dispatcher needs none of this."""

    dsn: SecretStr


class BreakGlassSettings(Table):
    """The file whose presence halts accounts without Kafka; left out: beside the configuration.

    A relative path starts at the configuration's directory.
    """

    file: Annotated[Path, Field(strict=False)] | None = None


class SimulationSettings(Table):
    """How the simulated broker fills: slippage in basis points, fee in US dollars per order.

    With `resting_orders` what does not fill at once works until it is cancelled, and nothing fills
    at once but the first part of `partial_fills`.
    """

    slippage_bps: Annotated[Whole, Field(ge=0, le=10_000)] = 5
    fee_per_order: Annotated[Dollars, Field(ge=0)] = Decimal(0)
    partial_fills: Flag = False
    resting_orders: Flag = False


class TuningSettings(Table):
    """Time limits and batch sizes of one dispatcher.

    `submit_window_ms` must end before a standby may take the seat (`session_timeout_ms`);
    `answer_within_ms` is that window plus the total deadline of one HTTP request. A snapshot is
    written after so many events of the log, at most once in `snapshot_pause_ms`. Every
    `reconcile_interval_ms` our books are held against those of a broker that keeps any.
    """

    submit_window_ms: Annotated[Whole, Field(gt=0)] = 3_000
    answer_within_ms: Annotated[Whole, Field(gt=0)] = 13_000
    session_timeout_ms: Annotated[Whole, Field(ge=1_000)] = 6_000
    transaction_timeout_ms: Annotated[Whole, Field(ge=1_000, le=60_000)] = 10_000
    poll_timeout_ms: Annotated[Whole, Field(gt=0, le=5_000)] = 50
    drain_timeout_ms: Annotated[Whole, Field(gt=0)] = 10_000
    max_batch: Annotated[Whole, Field(gt=0, le=10_000)] = 500
    max_unsubmitted: Annotated[Whole, Field(gt=0, le=16)] = 16
    snapshot_every_events: Annotated[Whole, Field(gt=0)] = 10_000
    snapshot_pause_ms: Annotated[Whole, Field(ge=0)] = 30_000
    reconcile_interval_ms: Annotated[Whole, Field(ge=100)] = 60_000

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.submit_window_ms >= self.session_timeout_ms:
            raise ValueError("submit_window_ms must be less than session_timeout_ms")
        if self.answer_within_ms <= self.submit_window_ms:
            raise ValueError("answer_within_ms must be more than submit_window_ms")
        return self


if TYPE_CHECKING:

    class LimitOverrides(Table):
        """Any of the fields of `Limits`; made below from the fields themselves."""

else:
    _HINTS = get_type_hints(Limits)
    LimitOverrides = create_model(
        "LimitOverrides",
        __base__=Table,
        **{
            field.name: (Specials if field.name == "special" else strict(_HINTS[field.name]), None)
            for field in fields(Limits)
        },
    )


def overridden(limits: Limits, given: LimitOverrides) -> Limits:
    """Return `limits` with what is given in their place; a map is overridden key by key.

    Raises:
        ValueError: The result makes no sense; see `Limits`.
    """
    changes = {name: getattr(given, name) for name in given.model_fields_set}
    for name, value in changes.items():
        if isinstance(value, Map):
            changes[name] = getattr(limits, name).update(value)
    return replace(limits, **changes)


class AccountSettings(Table):
    """One account: what it is, where its story starts, its limits, how it is simulated."""

    name: Annotated[Text, AfterValidator(account_name)]
    mode: Literal[ExecutionMode.SIMULATED, ExecutionMode.ALPACA_PAPER]
    preset: Literal["large", "tiny"]
    start_from: StartFrom
    starting_cash: Annotated[Dollars, Field(gt=0)]
    cost_basis: Literal[CostBasis.AVERAGE, CostBasis.FIFO] = CostBasis.AVERAGE
    clock: Literal["system", "historical"] = "system"
    broker_account_number: Text = ""
    ledger: Annotated[Path, Field(strict=False)] | None = None
    limit_overrides: LimitOverrides = Field(default_factory=LimitOverrides, alias="limits")
    simulation: SimulationSettings = SimulationSettings()
    alpaca: AlpacaSettings | None = None
    tuning: TuningSettings = TuningSettings()

    @property
    def account(self) -> AccountName:
        """The account's name, as the type that the log goes by."""
        return AccountName(self.name)

    @property
    def start_from_text(self) -> str:
        """`start_from` as text: ``latest``, ``earliest`` or an ISO time."""
        if isinstance(self.start_from, datetime):
            return self.start_from.isoformat()
        return self.start_from

    def limits(self) -> Limits:
        """Return the preset with this account's overrides; a map is overridden key by key."""
        return overridden(_PRESETS[self.preset], self.limit_overrides)

    @model_validator(mode="before")
    @classmethod
    def _own_account_number(cls, table: dict[str, Any]) -> dict[str, Any]:
        if table.get("mode") != ExecutionMode.SIMULATED:
            return table
        return {"broker_account_number": f"sim-{table.get('name')}", **table}

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.clock == "historical" and self.mode is not ExecutionMode.SIMULATED:
            raise ValueError('clock = "historical" is possible only with mode = "SIMULATED"')
        if self.mode is ExecutionMode.ALPACA_PAPER:
            self._is_at_alpaca()
        elif self.alpaca is not None:
            raise ValueError('an alpaca table needs mode = "ALPACA_PAPER"')
        if self.mode is ExecutionMode.SIMULATED and ask_for_brackets(self.limits()):
            raise ValueError(
                'limits.brackets needs mode = "ALPACA_PAPER": the simulated broker sees no market '
                "after an order, so it can hold neither a stop nor a target"
            )
        self.limits()  # its own rules speak here, not at the first decision
        return self

    def _is_at_alpaca(self) -> None:
        if self.alpaca is None:
            raise ValueError('mode = "ALPACA_PAPER" needs an alpaca table with the account\'s keys')
        if not self.broker_account_number:
            raise ValueError(
                "broker_account_number is missing: the broker's own number of the account, such "
                "as PA3XXXXXXXXX, so that swapped keys are noticed before an order goes out"
            )
        least_ms = self.tuning.submit_window_ms + self.alpaca.http_deadline_ms
        if self.tuning.answer_within_ms < least_ms:
            raise ValueError(
                f"tuning.answer_within_ms must be at least {least_ms}: tuning.submit_window_ms "
                "plus alpaca.http_deadline_ms"
            )


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


def config_hash(account: AccountSettings) -> str:
    """Return 16 hex digits that change whenever something changes that decisions depend on.

    Where the simulated broker keeps its ledger is left out; a secret is not in an account at all.
    """
    facts = account.model_dump(exclude={"ledger", "limit_overrides", "preset", "alpaca"})
    facts["limits"] = account.limits()
    if account.alpaca is not None:
        facts["alpaca"] = account.alpaca.model_dump(exclude={"key_id", "secret_key"})
    return sha256(_canonical(facts).encode()).hexdigest()[:16]


def limits_json(account: AccountSettings) -> str:
    """Return the limits that an account decides under, as canonical JSON text."""
    return _canonical(account.limits())


def _canonical(facts: object) -> str:
    return json.dumps(_plain(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(one) for name, one in values.items() if one not in (None, ())}
    if isinstance(value, Mapping):
        return {
            "/".join(key) if isinstance(key, tuple) else str(key): _plain(item)
            for key, item in value.items()
        }
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if value is None or isinstance(value, bool | int | str) else str(value)
