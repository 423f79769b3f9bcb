"""What came of an account over a stretch of time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from accounts.evolve import evolve
from accounts.state import End
from accounts.track_record import Day, Summary, TrackRecord
from events.catalog import LogEvent
from events.order import Side
from tests.builders import NOW, a_decline, a_failure, a_market, an_account, these
from tests.order_builders import a_fill, a_rejection, an_acceptance, an_expiry, an_intent

DAY = timedelta(days=1)


def _record(*events: LogEvent) -> TrackRecord:
    state = an_account()
    record = TrackRecord(state)
    for event in events:
        state = evolve(state, event)
        record.take(event, state)
    return record


def _three_days() -> Summary:
    """Bought at 100 for a dollar of fees, seen at 120, sold at 90: a day each."""
    bought = an_intent(1)
    seen = a_decline(2)
    seen = replace(
        seen, market=a_market(120), envelope=replace(seen.envelope, occurred_at=NOW + DAY)
    )
    sold = an_intent(3, side=Side.SELL, price=90, closes=True, at=NOW + 2 * DAY)
    half = a_fill(sold, 4, 90)
    return _record(
        bought, a_fill(bought, fees=1), seen, sold, half, a_fill(sold, 10, 90, before=half)
    ).summary()


def test_each_day_is_worth_what_equity_did_since_the_day_before() -> None:
    found = _three_days()

    assert found.best_day == Day(day=(NOW + DAY).date(), pnl=Decimal(200))
    assert found.worst_day == Day(day=(NOW + 2 * DAY).date(), pnl=Decimal(-300))
    assert found.pnl == found.realised_pnl - found.fees == Decimal(-101)
    assert found.equity == 100_000 - 101


def test_the_deepest_fall_is_from_the_highest_so_far_and_not_from_the_start() -> None:
    found = _three_days()

    assert found.max_drawdown == 300
    assert found.max_drawdown_share == Decimal(300) / Decimal(100_199)


def test_a_sale_in_parts_is_one_closed_trade_and_a_purchase_is_none() -> None:
    found = _three_days()

    assert (found.closed_trades, found.won_trades) == (1, 0)


def test_prices_of_one_moment_count_together() -> None:
    # Between two decisions of one moment only some prices are new: that is no fall.
    cheap, dear = an_intent(1, "AAPL"), an_intent(2, "MSFT")
    later = NOW + timedelta(minutes=5)
    down, up = a_decline(3, "AAPL"), a_decline(4, "MSFT")
    at_once = [
        replace(one, market=a_market(price), envelope=replace(one.envelope, occurred_at=later))
        for one, price in ((down, 50), (up, 150))
    ]

    found = _record(cheap, dear, a_fill(cheap), a_fill(dear), *at_once).summary()

    assert found.max_drawdown == 0


def test_every_way_to_end_is_told_apart_and_what_is_open_is_open() -> None:
    filled, refused, expired, unsent, waits = (an_intent(number) for number in range(1, 6))

    record = _record(
        filled,
        an_acceptance(filled),
        a_fill(filled, price=101),
        refused,
        a_rejection(refused),
        expired,
        an_expiry(expired),
        unsent,
        a_failure(4),
        waits,
        a_decline(6),
        a_failure(7),
    )

    ends = {number: fate.end for number, fate in record.fates.items()}
    assert ends == {
        1: End.EXECUTED,
        2: End.REJECTED,
        3: End.EXPIRED,
        4: End.FAILED,
        5: None,
        6: End.DECLINED,
        7: End.FAILED,
    }
    assert these(record.fates[1].filled, record.fates[1].price) == (10, 101)
    found = record.summary()
    assert found.ends == {"executed": 1, "declined": 1, "rejected": 1, "expired": 1, "failed": 2}
    assert found.open == 1
    assert found.declined_by == {"confidence": 1}
    assert found.peak_exposure == 2 * 1_010  # one held, one on its way
