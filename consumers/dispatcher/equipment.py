"""All that one account's dispatcher works with: wired once, whatever becomes of its seat."""

from dataclasses import dataclass

from brokers.broker import Broker
from consumers.clock import Clock
from consumers.cluster import Cluster
from consumers.dispatcher.break_glass import BreakGlass
from consumers.dispatcher.decider import Decider
from consumers.settings_account import AccountSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """One account, where it is traded, by what rules, and by which clock."""

    cluster: Cluster
    account: AccountSettings
    decider: Decider
    broker: Broker
    clock: Clock
    glass: BreakGlass
