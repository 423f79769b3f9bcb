"""What came of the demo, as numbers: from the logs, from the tables, from the brokers' books."""

from dataclasses import dataclass
from decimal import Decimal

from brokers.ledger import read_ledger
from cli.demo.follower import Follower
from cli.demo.scene import Scene
from cli.demo.stage import Stage
from consumers.tables import rows
from events.identifiers import AccountName

END_NAMES = ("executed", "declined", "rejected", "expired", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Issued = executed + declined + rejected + expired + failed + dead-lettered + pending."""

    issued: int
    executed: int
    declined: int
    rejected: int
    expired: int
    failed: int
    dead_lettered: int
    pending: int

    @property
    def holds(self) -> bool:
        """Whether the sum is right and nothing is pending."""
        ended = self.executed + self.declined + self.rejected + self.expired + self.failed
        return self.issued == ended + self.dead_lettered and self.pending == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """One account's result. Money is US dollars."""

    account: AccountName
    from_log: Balance
    from_tables: Balance
    declined_by: dict[str, int]
    open_positions: int
    realised_pnl: Decimal
    open_pnl: Decimal
    fees: Decimal
    equity: Decimal
    peak_exposure: Decimal
    exposure_limit: Decimal
    orders_in_ledger: int
    executions_in_table: int


def account_facts(stage: Stage, account: AccountName) -> AccountFacts:
    """Return what came of an account so far."""
    scene, follower = stage.scene, stage.followers[account]
    state = follower.state
    limits = scene.settings.account(account).limits()
    return AccountFacts(
        account=account,
        from_log=_from_log(len(stage.issued), follower),
        from_tables=_from_tables(scene, account),
        declined_by=dict(follower.tally.declined_by.most_common()),
        open_positions=len(state.positions),
        realised_pnl=state.realised_pnl,
        open_pnl=state.open_pnl,
        fees=state.fees,
        equity=state.equity,
        peak_exposure=state.peak_exposure,
        exposure_limit=limits.max_notional_exposure,
        orders_in_ledger=orders_in_ledger(scene, account),
        executions_in_table=executions_in_table(scene, account),
    )


def orders_in_ledger(scene: Scene, account: AccountName) -> int:
    """Return how many lines stand in the simulated broker's book, repeats included."""
    path = scene.ledger(account)
    return len(read_ledger(path)) if path.exists() else 0


def executions_in_table(scene: Scene, account: AccountName) -> int:
    """Return how many rows `dispatch_executions` has for an account."""
    [row] = rows(
        scene.addresses.postgres_dsn,
        "SELECT count(*) AS n FROM dispatch_executions WHERE account_name = %s",
        [account],
    )
    return int(row["n"])


def _from_log(issued: int, follower: Follower) -> Balance:
    ends = follower.tally.ends()
    ended = {name: ends[name] for name in END_NAMES}
    return Balance(issued=issued, **ended, dead_lettered=0, pending=issued - sum(ended.values()))


def _from_tables(scene: Scene, account: AccountName) -> Balance:
    dsn = scene.addresses.postgres_dsn
    [issued] = rows(dsn, "SELECT count(*) AS n FROM dispatch_recommendations")
    [dead] = rows(dsn, "SELECT count(*) AS n FROM dead_letters WHERE account_name = %s", [account])
    found = rows(
        dsn,
        "SELECT status, count(*) AS n FROM recommendation_status WHERE account_name = %s "
        "GROUP BY status",
        [account],
    )
    ends = {row["status"]: int(row["n"]) for row in found}
    ended = {name: ends.get(name, 0) for name in END_NAMES}
    count, dead_lettered = int(issued["n"]), int(dead["n"])
    pending = count - sum(ended.values()) - dead_lettered
    return Balance(issued=count, **ended, dead_lettered=dead_lettered, pending=pending)
