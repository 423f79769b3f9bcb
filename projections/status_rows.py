"""Rows of `recommendation_status`: what was decided, and where it stands."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from projections.stage import Json


class DecisionRow(NamedTuple):
    """What the account decided on a recommendation, and the gates it asked."""

    recommendation_id: int
    account_name: str
    ticker: str
    action: str
    instrument_type: str
    strategy_type: str
    decided_at: datetime
    declined_by: Json | None
    gates: Json
    dispatcher_run_id: UUID
    decision_offset: int


class StatusRow(NamedTuple):
    """Where a recommendation stands; `status_precedence` says which of several stays."""

    recommendation_id: int
    account_name: str
    status: str
    status_at: datetime
    status_offset: int
    status_precedence: int
    failure_reason: str | None
    client_order_id: str | None
