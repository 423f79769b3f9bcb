"""What the demo says to a reader: a trader for the summary, an engineer for the acts."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from cli.demo.act_rebuild import RebuiltTables
from cli.demo.acts import BrokenProjection, KilledDispatcher
from cli.demo.facts import END_NAMES, AccountFacts
from cli.output import dollars, print_table, say


def say_summary(
    first_day: date, issued: int, accounts: Sequence[AccountFacts], took: float, behind: float
) -> None:
    """Tell a trader what happened."""
    rate = issued * len(accounts) / took
    say()
    say(
        f"{issued} recommendations from {first_day} on, decided by {len(accounts)} accounts in "
        f"{took:.1f} s ({rate:,.0f} recommendations a second); tables complete {behind:.1f} s "
        "later. Paper and simulation: no real money."
    )
    say()
    print_table(
        ["", *((one.account, "right") for one in accounts)],
        [
            *_ends(accounts),
            ["open positions", *(one.open_positions for one in accounts)],
            ["realised P&L $", *(dollars(one.realised_pnl) for one in accounts)],
            ["open P&L $", *(dollars(one.open_pnl) for one in accounts)],
            ["equity $", *(dollars(one.equity) for one in accounts)],
            ["peak exposure $", *(dollars(one.peak_exposure) for one in accounts)],
            ["  of its limit $", *(_share(one) for one in accounts)],
        ],
    )
    say()


def say_first_act(found: BrokenProjection) -> None:
    """Tell what a broken column did, and did not do."""
    say("Act 1: a column of dispatch_executions was broken for account tiny.")
    say(f"  Dispatching went on: tiny executed {found.executed_meanwhile} meanwhile.")
    say(f"  Kafka has the failure: {found.failure_in_kafka}")
    say(
        f"  {found.parked} of tiny's events waited in their order; tiny's rows: "
        f"+{found.rows_of_tiny_while_broken}, large-default's: "
        f"+{found.rows_of_large_while_broken}."
    )
    say(
        f"  Repaired and retried: tiny's rows +{found.rows_of_tiny_after_retry}, nothing waits. "
        f"({found.retry_said})"
    )
    say()


def say_second_act(found: KilledDispatcher) -> None:
    """Tell what `kill -9` did, and did not do."""
    say("Act 2: large-default's dispatcher was killed (kill -9) and started again.")
    say(
        f"  Killed after {found.decided_when_killed} of {found.recommendations} decisions; "
        f"afterwards {found.without_end} recommendations without an end."
    )
    say(
        f"  Intended twice: {found.intended_twice}. Orders in the broker's own book: "
        f"{found.orders_in_ledger}; filled in the log: {found.orders_filled_in_log}."
    )
    say()


def say_third_act(found: RebuiltTables) -> None:
    """Tell what became of dropped tables, and of an edited row."""
    say(f"Act 3: all {found.tables} tables were dropped by hand: {found.rows_before:,} rows gone.")
    say(f"  `dispatcher migrate --recreate-missing` made {found.tables_made_again} again, empty.")
    say(
        f"  Rebuilt from the log beside the live tables in {found.rebuild_seconds:.1f} s: "
        f"{found.rows_after:,} rows, every byte as before. The projector stood still for at most "
        f"{found.longest_swap_ms:.0f} ms, readers not at all."
    )
    say(f"  Verified field by field against the log: {found.differences_after} differences.")
    say("  Then a row was edited by hand, and verify found it:")
    for sentence in found.found:
        say(f"    {sentence}")
    say(f"  Rebuilt again: {found.rows_put_right} row was put right, the others left alone.")
    say()


def say_balance(final: Sequence[AccountFacts], seconds: float) -> None:
    """Tell that everything adds up, from the log as from the tables."""
    say("Issued = executed + declined + rejected + expired + failed + dead-lettered + pending:")
    for facts in final:
        log = facts.from_log
        parts = [getattr(log, name) for name in END_NAMES]
        total = " + ".join(str(part) for part in [*parts, log.dead_lettered, log.pending])
        say(f"  {facts.account}: {log.issued} = {total}, from the log as from the tables.")
    say(f"All of it took {seconds:.0f} s.")


def say_how_to_look_around(directory: Path, recommendation: int) -> None:
    """Tell what to type while everything is left running."""
    say()
    say("Kafka, the registry and PostgreSQL were left running. To look around:")
    say(f"  export DISPATCHER_CONFIG={directory}/dispatcher.toml", to_copy=True)
    for command in (
        "accounts show tiny",
        "executions list --limit 10",
        f"recommendations show {recommendation}",
        "projections status",
    ):
        say(f"  dispatcher {command}", to_copy=True)
    say("To end it and delete it all:")
    say(f"  dispatcher stack down --purge --dir {directory}/stack", to_copy=True)
    say(f"  rm -r {directory}", to_copy=True)


def _ends(accounts: Sequence[AccountFacts]) -> list[list[object]]:
    lines: list[list[object]] = [
        [name, *(getattr(one.from_log, name) for one in accounts)] for name in END_NAMES
    ]
    gates = sorted({gate for one in accounts for gate in one.declined_by})
    by_gate = [
        [f"  by {gate}", *(one.declined_by.get(gate, 0) for one in accounts)] for gate in gates
    ]
    after_declined = 2
    return [*lines[:after_declined], *by_gate, *lines[after_declined:]]


def _share(facts: AccountFacts) -> str:
    share = facts.peak_exposure / facts.exposure_limit * 100
    return f"{dollars(facts.exposure_limit)} ({share.quantize(Decimal(1))} %)"
