"""What `accounts show` says of the broker's own figures."""

from datetime import timedelta

from accounts.calendar import exchange_day
from cli.account_view import brokers_figures
from tests.accounts.asking import a_reconciliation
from tests.builders import NOW, an_account


def test_the_brokers_figures_stand_beside_ours_with_their_time() -> None:
    told = a_reconciliation(equity=99_300, last_equity=100_000, buying_power=50_000)

    rows = list(brokers_figures(an_account(told), exchange_day(NOW)))

    assert [(str(what).split(" by the broker, ")[0], figure) for what, figure in rows] == [
        ("Equity", "99,300.00"),
        ("Buying power", "50,000.00"),
        ("P&L of 2022-03-16", "-700.00"),
    ]
    assert all("2022-03-16" in str(what) for what, _ in rows)


def test_what_the_broker_told_on_another_day_is_no_profit_or_loss_of_this_one() -> None:
    state = an_account(a_reconciliation(equity=99_300, last_equity=100_000))

    rows = list(brokers_figures(state, exchange_day(NOW + timedelta(days=1))))

    assert [str(what).split()[0] for what, _ in rows] == ["Equity"]
    assert list(brokers_figures(an_account(), exchange_day(NOW))) == []
