"""How a test asks one gate: everything is the plainest that passes, but for what it names."""

from datetime import datetime
from decimal import Decimal

from accounts.gates import GATES, GateInput, look_at
from accounts.limits import LARGE, Limits
from accounts.state import AccountState
from events import roles
from events.account import AccountReconciled
from events.catalog import LogEvent
from events.decision import GateResult, MarketSeen, Verdict
from events.order import Side
from events.recommendation import Action, RecommendationIssued
from tests.builders import NOW, a_market, a_recommendation, an_account, an_author
from tests.order_builders import a_fill, an_intent

PASSED, DECLINED, NOT_APPLICABLE = Verdict.PASSED, Verdict.DECLINED, Verdict.NOT_APPLICABLE

BOUGHT = an_intent(900)
HOLDING: tuple[LogEvent, ...] = (BOUGHT, a_fill(BOUGHT))
"""Ten MSFT, bought at $100 just now."""
SELL = a_recommendation(action=Action.SELL, stop=None)


def given(
    recommendation: RecommendationIssued | None = None,
    *,
    state: AccountState | None = None,
    market: MarketSeen | None = None,
    limits: Limits = LARGE,
    now: datetime = NOW,
    no_market: bool = False,
) -> GateInput:
    advice = a_recommendation() if recommendation is None else recommendation
    account = an_account() if state is None else state
    seen = None if no_market else market or a_market()
    return look_at(account, advice, seen, limits, now)


def ask(name: str, asked: GateInput) -> GateResult:
    """Ask the gate of that name."""
    [gate] = [gate for gate in GATES if getattr(gate, "__name__", "") == name]
    return gate(asked)


def verdict(name: str, asked: GateInput) -> Verdict:
    """Return what the gate of that name says."""
    return ask(name, asked).verdict


def a_reconciliation(
    at: datetime = NOW,
    *,
    equity: int | None = None,
    last_equity: int | None = None,
    buying_power: int | None = None,
) -> AccountReconciled:
    """Return what the broker's books said at `at`."""
    return AccountReconciled(
        envelope=an_author().about(f"reconciliation:{at}", roles.RECONCILED, occurred_at=at),
        broker_equity=None if equity is None else Decimal(equity),
        broker_last_equity=None if last_equity is None else Decimal(last_equity),
        broker_buying_power=None if buying_power is None else Decimal(buying_power),
    )


def a_day_that_lost(dollars: int, at: datetime = NOW) -> AccountState:
    """Return an account that has bought ten AAPL at $100 and sold them for `dollars` less."""
    bought = an_intent(950, "AAPL", at=at)
    price = Decimal(100) - Decimal(dollars) / 10
    sold = an_intent(951, "AAPL", side=Side.SELL, quantity=10, price=price, closes=True, at=at)
    return an_account(bought, a_fill(bought), sold, a_fill(sold, 10, price))
