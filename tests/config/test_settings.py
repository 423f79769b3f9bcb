from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.limits import LARGE, TINY, Brackets
from consumers.errors import ConfigurationError, NotFoundError
from consumers.settings import Settings, load_settings
from consumers.settings_hash import config_hash
from events.order import ExecutionMode, OrderType
from events.recommendation import InstrumentType, StrategyType

EXAMPLE = Path(__file__).parents[2] / "examples" / "dispatcher.toml"
PLAIN = """
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[registry]
url = "http://127.0.0.1:8081"
[postgres]
dsn = "postgresql://somebody:hush@127.0.0.1/db"
[accounts.large-default]
mode = "SIMULATED"
preset = "large"
start_from = "latest"
starting_cash = 100_000
"""


def _load(tmp_path: Path, text: str = PLAIN, **environ: str) -> Settings:
    file = tmp_path / "dispatcher.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def _refusal(tmp_path: Path, text: str = PLAIN, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        _load(tmp_path, text, **environ)
    return str(raised.value)


def test_the_example_is_a_whole_configuration() -> None:
    settings = load_settings(EXAMPLE, {})

    assert sorted(settings.accounts) == ["large-default", "tiny"]
    assert settings.account("large-default").limits() == LARGE
    assert settings.account("tiny").limits() == TINY
    assert settings.account("tiny").simulation.fee_per_order == Decimal("0.50")


def test_the_paper_account_of_the_example_can_be_had_by_taking_its_marks_away(
    tmp_path: Path,
) -> None:
    before, head, paper = EXAMPLE.read_text().partition("# [accounts.paper-100k]\n")
    text = "".join(
        line.removeprefix("#").removeprefix(" ")
        for line in [head, *paper.splitlines(keepends=True)]
    )
    file = tmp_path / "dispatcher.toml"
    file.write_text(before + text)
    variable = "DISPATCHER__ACCOUNTS__PAPER_100K__ALPACA__"

    account = load_settings(
        file, {f"{variable}KEY_ID": "PK123", f"{variable}SECRET_KEY": "hush-hush"}
    ).account("paper-100k")

    assert account.mode is ExecutionMode.ALPACA_PAPER
    assert account.alpaca is not None
    assert account.limits().brackets is Brackets.DAY
    assert account.limits().extended_hours == {"swing_trade"}


def test_what_is_not_said_has_its_documented_default(tmp_path: Path) -> None:
    account = _load(tmp_path).account("large-default")

    assert account.clock == "system"
    assert account.broker_account_number == "sim-large-default"
    assert account.tuning.submit_window_ms == 3_000
    assert account.tuning.answer_within_ms == 13_000
    assert account.simulation.slippage_bps == 5
    assert account.ledger is None


@pytest.mark.parametrize("missing", ["mode", "preset", "start_from", "starting_cash"])
def test_what_an_account_is_must_be_said(tmp_path: Path, missing: str) -> None:
    lines = [line for line in PLAIN.splitlines() if not line.startswith(missing)]

    assert f"accounts.large-default.{missing} is missing" in _refusal(tmp_path, "\n".join(lines))


@pytest.mark.parametrize(
    ("added", "sentence"),
    [
        ("[kafka]\nservers = 'x'", "kafka.servers is not a known key"),
        ("[kafak]\nservers = 'x'", "kafak is not a known key"),
        ("clok = 'system'", "accounts.large-default.clok is not a known key"),
        ("name = 'other'", "accounts.large-default.name is not a known key"),
        ("clock = 'sundial'", "accounts.large-default.clock should be 'system' or 'historical'"),
        ("ledger = 5", "accounts.large-default.ledger"),
        ("[accounts.Tiny]", "accounts.Tiny.name account name 'Tiny' is not valid"),
        ("[accounts.tiny]\npreset = 'huge'", "accounts.tiny.preset should be 'large' or 'tiny'"),
        ("[accounts.tiny]\nmode = 'LIVE'", "accounts.tiny.mode should be 'SIMULATED'"),
        ("[accounts.tiny]\nstart_from = 'now'", "accounts.tiny.start_from must be"),
        ("[accounts.tiny]\nstart_from = 2026-01-01T00:00:00", "should have timezone info"),
        ("[accounts.tiny]\nstart_from = 2026-01-01", "accounts.tiny.start_from must be"),
        ("[accounts.tiny]\nstart_from = 20260101", "accounts.tiny.start_from must be"),
        ("[accounts.tiny]\nstart_from = 1.5", "accounts.tiny.start_from must be"),
        ("tuning.session_timeout_ms = 15000", "tuning.session_timeout_ms"),
        ("[accounts.tiny]\nstarting_cash = true", "accounts.tiny.starting_cash must be a number"),
        ("[accounts.tiny]\nstarting_cash = nan", "accounts.tiny.starting_cash"),
        ("[accounts.tiny]\nstarting_cash = 1e400", "accounts.tiny.starting_cash"),
        ("[accounts.tiny]\nstarting_cash = -1", "accounts.tiny.starting_cash"),
        ("[accounts.tiny]\nstarting_cash = 0.000000001", "at most 8 decimals"),
        ("simulation = 5", "accounts.large-default.simulation must be a table"),
        ("simulation.slippage_bps = 5.0", "simulation.slippage_bps should be a valid integer"),
        ("simulation.slippage_bps = '5'", "simulation.slippage_bps should be a valid integer"),
        ("simulation.partial_fills = 1", "simulation.partial_fills should be a valid boolean"),
        ("tuning.submit_window_ms = 6000", "submit_window_ms must be less than session_timeout_ms"),
        ("tuning.answer_within_ms = 3000", "answer_within_ms must be more than submit_window_ms"),
        ("limits.max_open_position = 3", "limits.max_open_position is not a known key"),
        ("limits.max_open_positions = '3'", "limits.max_open_positions should be a valid integer"),
        ("limits.order_type = 'STOP'", "limits.order_type must be one of LIMIT, MARKET"),
        ("limits.entry_cutoff.day_trade = 14", "limits.entry_cutoff.day_trade must be a time"),
        ("limits.confidence_min.STOK.day_trade = 1", "must be one of CALL, PUT, STOCK"),
    ],
)
def test_what_is_unknown_or_of_a_wrong_type_is_refused_by_its_full_name(
    tmp_path: Path, added: str, sentence: str
) -> None:
    text = added + PLAIN if added.startswith("[kafak") else PLAIN + added
    if added.startswith("[kafka]"):
        text = PLAIN.replace("[kafka]", added)

    assert sentence in _refusal(tmp_path, text)


def test_a_configuration_that_is_no_toml_is_refused_by_its_place(tmp_path: Path) -> None:
    assert "line 2" in _refusal(tmp_path, PLAIN.replace("[kafka]", "[kafka"))


def test_a_configuration_that_is_not_there_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml does not exist"):
        load_settings(tmp_path / "missing.toml", {})


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(PLAIN, encoding="utf-8")

    settings = load_settings(None, {"DISPATCHER_CONFIG": str(tmp_path / "other.toml")})

    assert list(settings.accounts) == ["large-default"]


@pytest.mark.parametrize("account", ["LARGE-DEFAULT", "LARGE_DEFAULT", "large-default"])
def test_the_environment_overrides_any_key(tmp_path: Path, account: str) -> None:
    settings = _load(
        tmp_path,
        **{
            "DISPATCHER__KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
            "DISPATCHER__KAFKA__ENVIRONMENT": "production",
            "DISPATCHER__POSTGRES__DSN": "postgresql://other/db",
            f"DISPATCHER__ACCOUNTS__{account}__STARTING_CASH": "2500.25",
            f"DISPATCHER__ACCOUNTS__{account}__BROKER_ACCOUNT_NUMBER": "123",
            f"DISPATCHER__ACCOUNTS__{account}__SIMULATION__PARTIAL_FILLS": "true",
            f"DISPATCHER__ACCOUNTS__{account}__LIMITS__MAX_OPEN_POSITIONS": "3",
            f"DISPATCHER__ACCOUNTS__{account}__LIMITS__ACTION_ALLOWED": "BUY_STOCK, SELL_STOCK",
            f"DISPATCHER__ACCOUNTS__{account}__LIMITS__CONFIDENCE_MIN__STOCK__DAY_TRADE": "0.9",
        },
    )
    found = settings.account("large-default")

    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.kafka.environment == "production"
    assert settings.postgres_dsn() == "postgresql://other/db"
    assert found.starting_cash == Decimal("2500.25")
    assert found.broker_account_number == "123"
    assert found.simulation.partial_fills is True
    assert found.limits().max_open_positions == 3
    assert found.limits().action_allowed == {"BUY_STOCK", "SELL_STOCK"}
    key = (InstrumentType.STOCK, StrategyType.DAY_TRADE)
    assert found.limits().confidence_min[key] == Decimal("0.9")


def test_a_fault_from_the_environment_names_its_variable(tmp_path: Path) -> None:
    variable = "DISPATCHER__ACCOUNTS__LARGE_DEFAULT__TUNING__MAX_BATCH"

    assert f"(set by {variable})" in _refusal(tmp_path, **{variable: "many"})


def test_a_variable_that_goes_nowhere_is_refused(tmp_path: Path) -> None:
    assert "is not a table" in _refusal(tmp_path, DISPATCHER__KAFKA__BOOTSTRAP_SERVERS__X="5")
    assert "kafak is not a known key" in _refusal(tmp_path, DISPATCHER__KAFAK__X="5")


def test_money_is_read_as_it_is_written(tmp_path: Path) -> None:
    settings = _load(tmp_path, PLAIN.replace("100_000", "0.1"))

    assert settings.account("large-default").starting_cash == Decimal("0.1")


def test_a_start_may_be_a_time_with_its_offset(tmp_path: Path) -> None:
    bare = _load(tmp_path, PLAIN.replace('"latest"', "2026-01-01T09:30:00-05:00"))
    quoted = _load(tmp_path, PLAIN.replace('"latest"', '"2026-01-01T09:30:00-05:00"'))

    wanted = datetime(2026, 1, 1, 14, 30, tzinfo=UTC)
    assert bare.account("large-default").start_from == wanted
    assert quoted.account("large-default").start_from == wanted


def test_limits_are_overridden_one_by_one_over_the_preset(tmp_path: Path) -> None:
    limits = (
        _load(
            tmp_path,
            PLAIN + "limits.max_order_notional = 99.5\n"
            "limits.order_type = 'MARKET'\n"
            "limits.disabled_gates = ['confidence']\n"
            "limits.entry_cutoff.day_trade = 12:30:00\n"
            "limits.confidence_min.CALL.swing_trade = 0.7\n",
        )
        .account("large-default")
        .limits()
    )

    assert limits.max_order_notional == Decimal("99.5")
    assert limits.order_type is OrderType.MARKET
    assert limits.disabled_gates == {"confidence"}
    assert limits.entry_cutoff[StrategyType.DAY_TRADE] == time(12, 30)
    day_trade, swing_trade = StrategyType.DAY_TRADE, StrategyType.SWING_TRADE
    assert limits.entry_cutoff[swing_trade] == LARGE.entry_cutoff[swing_trade]
    assert limits.confidence_min[InstrumentType.CALL, swing_trade] == Decimal("0.7")
    stock = (InstrumentType.STOCK, day_trade)
    assert limits.confidence_min[stock] == LARGE.confidence_min[stock]


def test_limits_that_make_no_sense_are_refused_before_anything_runs(tmp_path: Path) -> None:
    assert "accounts.large-default" in _refusal(tmp_path, PLAIN + "limits.max_open_positions = -1")
    assert "accounts.large-default" in _refusal(tmp_path, PLAIN + "limits.disabled_gates = ['x']")


def test_an_unknown_account_is_refused_by_naming_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="configured are: large-default"):
        _load(tmp_path).account("large")


def test_a_dispatcher_needs_no_postgres_and_a_projector_says_that_it_does(tmp_path: Path) -> None:
    settings = _load(tmp_path, PLAIN.replace("[postgres]\ndsn", "#"))

    with pytest.raises(ConfigurationError, match=r"postgres\.dsn is missing"):
        settings.postgres_dsn()


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    assert "hush" not in repr(_load(tmp_path))
    wrong = PLAIN.replace('dsn = "postgresql://somebody:hush@127.0.0.1/db"', 'dsn = ["hush"]')
    assert "hush" not in _refusal(tmp_path, wrong)


@pytest.mark.parametrize("dsn", ["postgresql//somebody:hush@127.0.0.1/db", "hush", ""])
def test_what_is_no_connection_string_is_refused_without_its_password(
    tmp_path: Path, dsn: str
) -> None:
    wrong = PLAIN.replace("postgresql://somebody:hush@127.0.0.1/db", dsn)

    refusal = _refusal(tmp_path, wrong)

    assert "postgres.dsn is no connection string" in refusal
    assert "hush" not in refusal


def test_a_password_that_would_be_taken_for_the_host_is_refused(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, PLAIN.replace("somebody:hush@", "somebody:a@hush@"))

    assert "write one in a password as %40" in refusal
    assert "hush" not in refusal


def test_settings_do_not_change(tmp_path: Path) -> None:
    account = _load(tmp_path).account("large-default")

    with pytest.raises(ValueError, match="frozen"):
        account.starting_cash = Decimal(1)


@pytest.mark.parametrize(
    "change",
    [
        "simulation.slippage_bps = 6",
        "limits.max_open_positions = 4",
        "limits.confidence_min.STOCK.day_trade = 0.36",
        "tuning.submit_window_ms = 2999",
        "clock = 'historical'",
    ],
)
def test_the_hash_tells_every_change_that_decisions_depend_on(tmp_path: Path, change: str) -> None:
    before = config_hash(_load(tmp_path).account("large-default"))
    after = config_hash(_load(tmp_path, PLAIN + change).account("large-default"))

    assert before != after
    assert len(before) == 16


@pytest.mark.parametrize(
    "change",
    [
        "ledger = 'elsewhere.ledger'",
        "simulation.slippage_bps = 5",
        "limits.max_open_positions = 5",
        "limits.max_notional_exposure = 10_000.00",
    ],
)
def test_the_hash_stays_when_decisions_do_not_change(tmp_path: Path, change: str) -> None:
    before = config_hash(_load(tmp_path).account("large-default"))

    assert config_hash(_load(tmp_path, PLAIN + change).account("large-default")) == before
