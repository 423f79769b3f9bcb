"""The file that trades a share on the real paper API, pointed at the fake: it runs, and cleans."""

import os
import subprocess
import sys
from pathlib import Path

from stack.alpaca_server.control import AlpacaControl

ROOT = Path(__file__).parents[3]


def test_the_file_for_the_real_api_trades_a_share_and_leaves_nothing(
    alpaca: AlpacaControl, tmp_path: Path
) -> None:
    theirs = alpaca.add_account("PA1")
    alpaca.set_hours("open")
    for symbol in ("F", "SPY"):
        alpaca.quote(symbol, bid="11.99", ask="12.01")
    config = tmp_path / "dispatcher.toml"
    config.write_text(
        f"""
[kafka]
bootstrap_servers = "127.0.0.1:9"
[registry]
url = "http://127.0.0.1:9"
[accounts.paper]
mode = "ALPACA_PAPER"
preset = "large"
start_from = "latest"
starting_cash = 100_000
broker_account_number = "PA1"
[accounts.paper.alpaca]
trading_url = "{alpaca.url}"
data_url = "{alpaca.url}"
stream_url = "{alpaca.stream_url}"
"""
    )
    keys = {"KEY_ID": theirs.key_id, "SECRET_KEY": theirs.secret_key}
    environ = {f"DISPATCHER__ACCOUNTS__PAPER__ALPACA__{key}": value for key, value in keys.items()}
    environ |= {"DISPATCHER_CONFIG": str(config), "DISPATCHER_TEST_PAPER_ACCOUNT": "paper"}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "real_alpaca", "tests/real_alpaca"],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    statuses = sorted(order["status"] for order in alpaca.orders("PA1"))
    assert statuses == ["canceled", "filled", "filled"]
