"""Who writes events: the four facts that a running dispatcher stamps on every envelope."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.envelope import Envelope, Origin
from events.identifiers import AccountName, Leg, RecommendationId, event_id
from events.quick import quick

_envelope = quick(Envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """One run of one account's dispatcher, under one configuration and build."""

    account: AccountName
    run_id: UUID
    config_hash: str
    build: str

    def about_recommendation(
        self,
        recommendation: RecommendationId,
        role: str,
        *,
        leg: Leg = Leg.ENTRY,
        occurred_at: datetime,
        causation_id: str | None = None,
        source: Origin | None = None,
    ) -> Envelope:
        """Return the envelope of an event about a recommendation; roles: `events.roles`."""
        subject = f"recommendation:{recommendation}"
        return _envelope(
            event_id=event_id(self.account, subject, leg, role),
            account_name=self.account,
            occurred_at=occurred_at,
            recommendation_id=recommendation,
            leg=leg,
            correlation_id=subject,
            causation_id=causation_id,
            source=source,
            dispatcher_run_id=self.run_id,
            config_hash=self.config_hash,
            build=self.build,
        )

    def about(
        self,
        subject: str,
        role: str,
        *,
        occurred_at: datetime,
        causation_id: str | None = None,
        source: Origin | None = None,
    ) -> Envelope:
        """Return the envelope of an event about a run, a command, an activity or the account."""
        return _envelope(
            event_id=event_id(self.account, subject, None, role),
            account_name=self.account,
            occurred_at=occurred_at,
            correlation_id=subject,
            causation_id=causation_id,
            source=source,
            dispatcher_run_id=self.run_id,
            config_hash=self.config_hash,
            build=self.build,
        )
