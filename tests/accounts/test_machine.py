"""A hundred histories of an account, always the same; tests/histories tells two thousand."""

from tests.accounts.machine.trading import Trading, run


def test_limits_hold_whatever_the_broker_does() -> None:
    run(Trading, 100, derandomize=True)
