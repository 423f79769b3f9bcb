"""What came of an account over a stretch of time, taken down event by event. Pure.

The same record is kept of a log and of a simulation, so that the two can be held side by side.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from accounts.calendar import exchange_day
from accounts.state import ZERO, AccountState, End, Trading
from events.catalog import LogEvent
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import ClientOrderId, Leg
from events.order import OrderCanceled, OrderExpired, OrderFilled, OrderIntended, OrderRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one recommendation: `end` is None while its order is open.

    `quantity` was ordered, `filled` of it traded at `price` on average (US dollars a share).
    """

    recommendation_id: int
    ticker: str
    action: str
    decided_at: datetime
    end: End | None = None
    declined_by: tuple[str, ...] = ()
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day's result in US dollars, at the prices seen last, after fees."""

    day: date
    pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The record in numbers. Money is US dollars; `realised_pnl` is before fees.

    `declined_by` counts each decline under the first gate that said no. `max_drawdown` is the
    deepest fall of equity below its highest so far, `max_drawdown_share` that fall as a share of
    it. A closed trade is an order that reduced a holding; it is won when it realised a profit.
    `trading` is the account's status at the end.
    """

    ends: Mapping[str, int]
    open: int
    declined_by: Mapping[str, int]
    peak_exposure: Decimal
    peak_positions: int
    realised_pnl: Decimal
    open_pnl: Decimal
    fees: Decimal
    equity: Decimal
    pnl: Decimal
    worst_day: Day | None
    best_day: Day | None
    max_drawdown: Decimal
    max_drawdown_share: Decimal
    closed_trades: int
    won_trades: int
    trading: Trading


@dataclass(slots=True)
class TrackRecord:
    """One account from `start` on: `take` each event with the states around it, then `summary`."""

    start: AccountState
    fates: dict[int, Fate] = field(default_factory=dict)
    _state: AccountState = field(init=False)
    _at: datetime | None = None
    _equity_by_day: dict[date, Decimal] = field(default_factory=dict)
    _highest: Decimal = field(init=False)
    _drawdown: Decimal = ZERO
    _drawdown_share: Decimal = ZERO
    _peak_exposure: Decimal = field(init=False)
    _peak_positions: int = field(init=False)
    _realised: dict[ClientOrderId, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Stand where the stretch begins."""
        self._state = self.start
        self._highest = self.start.equity
        self._peak_exposure = self.start.exposure
        self._peak_positions = self.start.open_position_count

    def take(self, event: LogEvent, after: AccountState) -> None:
        """Take down `event` of the stretch, which made `after` of the state before."""
        at = event.envelope.occurred_at
        if self._at is not None and at != self._at:
            self._close_moment()  # between two events of one moment only some prices are new
        self._tell_fate(event)
        if isinstance(event, OrderFilled):
            self._tell_trade(event, after)
        self._peak_exposure = max(self._peak_exposure, after.exposure)
        if isinstance(event, OrderIntended):
            self._peak_positions = max(self._peak_positions, after.open_position_count)
        self._state, self._at = after, at

    def summary(self) -> Summary:
        """Return the record so far in numbers."""
        self._close_moment()
        start, state, days = self.start, self._state, self._days()
        won = [realised for realised in self._realised.values() if realised > 0]
        ends = Counter(fate.end for fate in self.fates.values())
        declined_by = Counter(
            fate.declined_by[0] for fate in self.fates.values() if fate.declined_by
        )
        return Summary(
            ends={end.value.lower(): ends[end] for end in End},
            open=ends[None],
            declined_by=dict(declined_by.most_common()),
            peak_exposure=self._peak_exposure,
            peak_positions=self._peak_positions,
            realised_pnl=state.realised_pnl - start.realised_pnl,
            open_pnl=state.open_pnl,
            fees=state.fees - start.fees,
            equity=state.equity,
            pnl=state.equity - start.equity,
            worst_day=min(days, key=lambda one: one.pnl, default=None),
            best_day=max(days, key=lambda one: one.pnl, default=None),
            max_drawdown=self._drawdown,
            max_drawdown_share=self._drawdown_share,
            closed_trades=len(self._realised),
            won_trades=len(won),
            trading=state.trading,
        )

    def _close_moment(self) -> None:
        if self._at is None:
            return
        equity = self._state.equity
        self._equity_by_day[exchange_day(self._at)] = equity
        self._highest = max(self._highest, equity)
        self._drawdown = max(self._drawdown, self._highest - equity)
        if self._highest > 0:
            share = (self._highest - equity) / self._highest
            self._drawdown_share = max(self._drawdown_share, share)

    def _days(self) -> list[Day]:
        days, before = [], self.start.equity
        for day, equity in sorted(self._equity_by_day.items()):
            days.append(Day(day=day, pnl=equity - before))
            before = equity
        return days

    def _tell_trade(self, event: OrderFilled, after: AccountState) -> None:
        name = ClientOrderId(event.client_order_id)
        order = self._state.orders.get(name)
        if order is not None and order.terms.closes_position:
            realised = after.realised_pnl - self._state.realised_pnl
            self._realised[name] = self._realised.get(name, ZERO) + realised

    def _tell_fate(self, event: LogEvent) -> None:
        number, leg = event.envelope.recommendation_id, event.envelope.leg
        if number is None or leg not in (None, Leg.ENTRY):
            return
        match event:
            case OrderIntended():
                self._decided(number, event.terms.ticker, event, quantity=event.terms.quantity)
            case RecommendationDeclined():
                by = event.declined_by
                self._decided(number, event.ticker, event, end=End.DECLINED, declined_by=by)
            case RecommendationFailed() if number not in self.fates:
                self._decided(number, event.ticker, event, end=End.FAILED)
            case RecommendationFailed():
                self._end(number, End.FAILED)
            case OrderFilled():
                self._end(number, End.EXECUTED)
                self._filled(number, event)
            case OrderRejected():
                self._end(number, End.REJECTED)
            case OrderCanceled() | OrderExpired() if not event.cumulative_quantity:
                self._end(number, End.EXPIRED)
            case _:
                pass

    def _decided(
        self,
        number: int,
        ticker: str,
        event: OrderIntended | RecommendationDeclined | RecommendationFailed,
        **more: object,
    ) -> None:
        action = event.terms.action if isinstance(event, OrderIntended) else event.action
        fate = Fate(
            recommendation_id=number,
            ticker=ticker,
            action=action.value,
            decided_at=event.envelope.occurred_at,
        )
        self.fates.setdefault(number, replace(fate, **more))  # type: ignore[arg-type] # its own fields

    def _end(self, number: int, end: End) -> None:
        fate = self.fates.get(number)
        if fate is not None and fate.end is None:
            self.fates[number] = replace(fate, end=end)

    def _filled(self, number: int, event: OrderFilled) -> None:
        fate = self.fates.get(number)
        if fate is not None and event.cumulative_quantity > fate.filled:
            average = event.cumulative_notional / event.cumulative_quantity
            self.fates[number] = replace(fate, filled=event.cumulative_quantity, price=average)
