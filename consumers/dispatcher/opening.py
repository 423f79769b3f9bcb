"""The first and last words of a dispatcher in its account's log, and who it must be to speak."""

import os
import platform
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from confluent_kafka import Consumer

from brokers.broker import BrokerAccount
from consumers.dispatcher.decider import Decider
from consumers.errors import ConfigurationError
from consumers.offsets import offsets_since, watermarks
from consumers.settings_account import AccountSettings
from consumers.settings_hash import limits_json
from events import roles
from events.account import AccountOpened, DispatcherStarted, DispatcherStopped
from events.author import Author


@dataclass(slots=True)
class Counts:
    """What one run did."""

    recommendations_read: int = 0
    intended: int = 0
    declined: int = 0
    failed: int = 0

    def add(self, other: "Counts") -> None:
        """Count what an earlier tenure of the same run did, too."""
        self.recommendations_read += other.recommendations_read
        self.intended += other.intended
        self.declined += other.declined
        self.failed += other.failed


def process_name() -> str:
    """Return what this process is called among the members of its group: host and process id."""
    return f"{platform.node()}-{os.getpid()}"


def check_identity(
    opened: AccountOpened | None, account: AccountSettings, broker_account_number: str
) -> None:
    """Refuse to speak for an account that is another one.

    Raises:
        ConfigurationError: Mode, broker account or cost basis differ from those the log was opened
            with.
    """
    if broker_account_number != account.broker_account_number:
        raise ConfigurationError(
            f"account {account.name} is configured for broker account "
            f"{account.broker_account_number}, but the broker says {broker_account_number}: "
            "are two accounts' credentials swapped?"
        )
    check_opened(opened, account)


def check_opened(opened: AccountOpened | None, account: AccountSettings) -> None:
    """Refuse to go on with a log that was opened for another account.

    Raises:
        ConfigurationError: Mode, broker account or cost basis differ from those the log was opened
            with.
    """
    if opened is None:
        return
    for what, was, configured in (
        ("mode", opened.mode.value, account.mode.value),
        ("broker account", opened.broker_account_number, account.broker_account_number),
        ("cost basis", opened.cost_basis.value, account.cost_basis.value),
    ):
        if was != configured:
            raise ConfigurationError(
                f"account {account.name} was opened with {what} {was} and is configured with "
                f"{configured}: a log keeps what it was opened with; use another account name"
            )


def check_account(
    opened: AccountOpened | None, account: AccountSettings, at_broker: BrokerAccount
) -> None:
    """Refuse to start for an account that is another one, or that the broker lets trade nothing.

    Raises:
        ConfigurationError: As `check_identity`; or it is blocked, closed or suspended; the sentence
            says which.
    """
    check_identity(opened, account, at_broker.number)
    if at_broker.blocked:
        raise ConfigurationError(
            f"account {account.name} may not trade at the broker: {at_broker.blocked}; "
            "have that settled there, then start again"
        )


def start_offset(
    consumer: Consumer, topic: str, start_from: datetime | Literal["latest", "earliest"]
) -> int:
    """Return where in `topic`, the recommendations, a new account's story begins.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    first, end = watermarks(consumer, topic)
    if start_from == "latest":
        return end
    if start_from == "earliest":
        return first
    place = (topic, 0)
    found = offsets_since(consumer, {place: int(start_from.timestamp() * 1000)})[place]
    return end if found is None else found


def account_opened(
    author: Author, account: AccountSettings, now: datetime, *, first_offset: int
) -> AccountOpened:
    """Return the first event of a new account's log."""
    return AccountOpened(
        envelope=author.about("account", roles.OPENED, occurred_at=now),
        mode=account.mode,
        broker_account_number=account.broker_account_number,
        starting_cash=account.starting_cash,
        start_from=account.start_from_text,
        first_offset=first_offset,
        cost_basis=account.cost_basis,
    )


def dispatcher_started(
    decider: Decider, account: AccountSettings, now: datetime, log_offset: int
) -> DispatcherStarted:
    """Return the word that this run has taken the seat."""
    author = decider.author
    return DispatcherStarted(
        envelope=author.about(f"run:{author.run_id}", roles.started(log_offset), occurred_at=now),
        host=platform.node(),
        process_id=os.getpid(),
        limits=limits_json(account),
    )


def dispatcher_stopped(
    author: Author, now: datetime, started_at: datetime, reason: str, counts: Counts
) -> DispatcherStopped:
    """Return the word that this run gave the seat up in good order."""
    return DispatcherStopped(
        envelope=author.about(f"run:{author.run_id}", roles.STOPPED, occurred_at=now),
        reason=reason,
        started_at=started_at,
        recommendations_read=counts.recommendations_read,
        intended=counts.intended,
        declined=counts.declined,
        failed=counts.failed,
    )
