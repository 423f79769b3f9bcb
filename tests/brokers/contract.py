"""What every broker must do: one suite, run on each implementation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.broker import Broker, OrderReport, OrderRequest, OrderStatus
from brokers.errors import DuplicateOrder, OrderRefused
from events.identifiers import ClientOrderId
from events.order import OrderTerms, OrderType, Side
from events.recommendation import Action, InstrumentType

NOW = datetime(2022, 3, 16, 15, 0, tzinfo=UTC)


def a_request(name: str = "tiny-1-entry", **changes: Any) -> OrderRequest:  # noqa: ANN401 -- any field of the terms
    """Return a request to buy 10 shares at about $100."""
    terms = OrderTerms(
        client_order_id=name,
        ticker="MSFT",
        symbol="MSFT",
        instrument_type=InstrumentType.STOCK,
        multiplier=1,
        action=Action.BUY,
        side=Side.BUY,
        closes_position=False,
        quantity=Decimal(10),
        order_type=OrderType.LIMIT,
        reference_price=Decimal(100),
        limit_price=Decimal(101),
        worst_price=Decimal(101),
        reserved_notional=Decimal(1010),
    )
    return OrderRequest(terms=replace(terms, **changes), sent_at=NOW)


def settled(broker: Broker, report: OrderReport) -> OrderReport:
    """Return what became of an order: the answer to its POST may come before its fills do."""
    found = broker.find(report.client_order_id)
    assert found is not None
    return found


class StoppedHere(Exception):  # noqa: N818 -- says what happened
    """The order may not go out any more."""


def stop_here() -> None:
    """Say no, as a gate does that was closed meanwhile."""
    raise StoppedHere


class BrokerContract:
    """Inherit, provide the fixture `broker`, and the suite runs."""

    def test_an_accepted_order_is_found_by_the_id_we_gave_it(self, broker: Broker) -> None:
        report = broker.submit(a_request())

        found = settled(broker, report)
        assert found.broker_order_id == report.broker_order_id
        assert found.created_at == report.created_at

    def test_an_order_that_was_never_sent_is_not_found(self, broker: Broker) -> None:
        assert broker.find(ClientOrderId("tiny-1-entry")) is None

    def test_a_client_order_id_buys_once(self, broker: Broker) -> None:
        report = settled(broker, broker.submit(a_request()))

        with pytest.raises(DuplicateOrder):
            broker.submit(a_request(quantity=Decimal(99)))

        assert settled(broker, report) == report

    def test_an_order_for_nothing_is_refused_and_leaves_no_trace(self, broker: Broker) -> None:
        with pytest.raises(OrderRefused):
            broker.submit(a_request(quantity=Decimal(0)))

        assert broker.find(ClientOrderId("tiny-1-entry")) is None
        assert broker.positions() == []

    def test_an_order_that_is_stopped_at_its_last_word_never_was(self, broker: Broker) -> None:
        with pytest.raises(StoppedHere):
            broker.submit(replace(a_request(), last_word=stop_here))

        assert broker.find(ClientOrderId("tiny-1-entry")) is None
        assert broker.submit(a_request()).quantity == 10

    def test_the_report_repeats_what_was_ordered(self, broker: Broker) -> None:
        report = broker.submit(a_request())

        assert report.symbol == "MSFT"
        assert report.side is Side.BUY
        assert report.quantity == 10
        assert report.limit_price == 101
        assert report.created_at >= NOW

    def test_fills_count_up_to_the_ordered_quantity_and_keep_the_limit(
        self, broker: Broker
    ) -> None:
        report = settled(broker, broker.submit(a_request()))

        cumulative = Decimal(0)
        for fill in report.fills:
            cumulative += fill.quantity
            assert fill.cumulative_quantity == cumulative
            assert fill.price <= Decimal(101)
        assert report.status is OrderStatus.FILLED
        assert cumulative == 10

    def test_a_limit_out_of_the_markets_reach_is_not_filled(self, broker: Broker) -> None:
        report = settled(broker, broker.submit(a_request(limit_price=Decimal(99))))

        assert report.status in (OrderStatus.EXPIRED, OrderStatus.WORKING)
        assert report.fills == ()
        assert broker.positions() == []

    def test_positions_are_what_the_fills_add_up_to(self, broker: Broker) -> None:
        broker.submit(a_request())
        broker.submit(
            a_request(
                "tiny-2-entry",
                side=Side.SELL,
                action=Action.SELL,
                quantity=Decimal(4),
                limit_price=Decimal(99),
            )
        )

        assert [(held.symbol, held.quantity) for held in broker.positions()] == [
            ("MSFT", Decimal(6))
        ]

    def test_fills_are_found_by_their_time(self, broker: Broker) -> None:
        report = settled(broker, broker.submit(a_request()))

        assert [fill for _, fill in broker.fills_since(NOW)] == list(report.fills)
        assert broker.fills_since(NOW + timedelta(days=1)) == []

    def test_an_order_that_has_ended_cannot_be_cancelled(self, broker: Broker) -> None:
        report = broker.submit(a_request())

        with pytest.raises(OrderRefused):
            broker.cancel(report.broker_order_id)

    def test_nothing_is_open_once_everything_has_ended(self, broker: Broker) -> None:
        broker.submit(a_request())

        assert broker.open_orders() == []


class WorkingOrdersContract:
    """Inherit beside `BrokerContract` where an order can work: `resting` is such a broker."""

    def test_a_working_order_is_open_until_it_is_cancelled(self, resting: Broker) -> None:
        report = resting.submit(a_request())
        assert report.status is OrderStatus.WORKING
        assert resting.open_orders() == [report]

        resting.cancel(report.broker_order_id)

        found = resting.find(ClientOrderId("tiny-1-entry"))
        assert found is not None
        assert found.status is OrderStatus.CANCELED
        assert found.fills == report.fills
        assert resting.open_orders() == []

    def test_a_cancelled_order_keeps_its_id_and_cannot_be_cancelled_again(
        self, resting: Broker
    ) -> None:
        report = resting.submit(a_request())
        resting.cancel(report.broker_order_id)

        with pytest.raises(OrderRefused):
            resting.cancel(report.broker_order_id)
        with pytest.raises(DuplicateOrder):
            resting.submit(a_request())
