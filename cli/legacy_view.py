"""A plan of a legacy import, told: what there is, where it goes, what has to be decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.output import print_table, say
from consumers.legacy.decisions import LeftOut, Open, Verdict
from consumers.legacy.importing import Group, NotImported, Plan
from events.identifiers import AccountName

_TOLD_MAX: Final = 10
_OPTIONS: Final = {
    Open.UNNAMED: "--assign-unnamed ACCOUNT or --leave-unnamed",
    Open.FALLBACK: "--include-fallback or --leave-fallback",
    Open.FAULTY: "mend them in the old table, or --leave-faulty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something to decide: about how many rows, and with which options."""

    question: str
    rows: int
    options: str


def undecided(plan: Plan) -> list[Question]:
    """Return what somebody has to decide before anything can be imported."""
    names = sorted({group.account or "" for group in plan.groups if group.verdict is Open.NAME})
    found = []
    for one in Open:
        rows = plan.open_rows(one)
        if one is Open.NAME:
            maps = " ".join(f"--map {_quoted(name)}=ACCOUNT" for name in names)
            options = f"{maps} or --leave OLD for each"
        else:
            options = _OPTIONS[one]
        if rows:
            found.append(Question(question=one.value, rows=rows, options=options))
    return found


def print_plan(plan: Plan) -> None:
    """Print what the old tables hold, and what becomes of it."""
    for table in plan.tables:
        names = "with" if table.names_accounts else "without"
        say(f"{table.executions}: {table.rows:,} rows, {names} account_name")
    if plan.unexecuted:
        statuses = ", ".join(f"{count:,} {status}" for status, count in plan.unexecuted.items())
        say(f"Recommendations that led to no execution are not imported: {statuses}")
    if not plan.groups:
        return
    say()
    print_table(
        ["Old account", "Mode", ("Rows", "right"), "From", "To", "Becomes"],
        (
            [
                group.account or "(none)",
                group.mode or "(none)",
                f"{found.rows:,}",
                _month(found.first_at),
                _month(found.last_at),
                _fate(group),
            ]
            for group, found in sorted(plan.groups.items(), key=lambda item: _order(item[0]))
        ),
    )
    _print_faulty(plan.not_imported)
    questions = undecided(plan)
    if questions:
        say()
        say("To be decided:")
    for one in questions:
        say(f"  {one.rows:,} rows: {one.question}")
        say(f"    {one.options}")


def print_imported(done: Mapping[AccountName, int]) -> None:
    """Print how many executions each log was given."""
    say()
    for account, count in done.items():
        say(f"{account}: {count:,} {'execution' if count == 1 else 'executions'} imported.")
    if not any(done.values()):
        say("Nothing was left to import.")


def plan_as_json(plan: Plan, done: Mapping[AccountName, int] | None) -> dict[str, Any]:
    """Return a plan as data, and what was `imported` (None: nothing was tried)."""
    return {
        "tables": [
            {
                "executions": table.executions,
                "recommendations": table.recommendations,
                "names_accounts": table.names_accounts,
                "rows": table.rows,
            }
            for table in plan.tables
        ],
        "groups": [
            {
                "legacy_account_name": group.account,
                "execution_mode": group.mode,
                "rows": found.rows,
                "first_at": found.first_at,
                "last_at": found.last_at,
                "account_name": _account(group.verdict),
                "in_log_before": group.imported_before,
                "why_not": _why_not(group.verdict),
            }
            for group, found in sorted(plan.groups.items(), key=lambda item: _order(item[0]))
        ],
        "recommendations_without_execution": dict(plan.unexecuted),
        "undecided": undecided(plan),
        "not_imported": [
            {
                "execution_id": one.row.execution_id,
                "recommendation_id": one.row.recommendation_id,
                "legacy_account_name": one.row.account,
                "execution_mode": one.row.mode,
                "simulated_ts": one.row.at,
                "why_not": _why_not(one.verdict),
                "faults": list(one.faults),
            }
            for one in plan.not_imported
        ],
        "imported": None if done is None else dict(done),
    }


def _print_faulty(not_imported: list[NotImported]) -> None:
    faulty = [one for one in not_imported if one.verdict in (Open.FAULTY, LeftOut.FAULTY)]
    if not faulty:
        return
    say()
    say("Rows that cannot be imported as they are:")
    for one in faulty[:_TOLD_MAX]:
        say(f"  {one.row.execution_id or '(no execution_id)'}: {'; '.join(one.faults)}")
    if len(faulty) > _TOLD_MAX:
        say(f"  … and {len(faulty) - _TOLD_MAX:,} more: see --json.")


def _fate(group: Group) -> str:
    if isinstance(group.verdict, Open):
        return f"? {group.verdict.value}"
    if isinstance(group.verdict, LeftOut):
        return f"out: {group.verdict.value}"
    return f"{group.verdict} (has it)" if group.imported_before else str(group.verdict)


def _account(verdict: Verdict) -> str | None:
    return None if isinstance(verdict, LeftOut | Open) else verdict


def _why_not(verdict: Verdict) -> str | None:
    return verdict.value if isinstance(verdict, LeftOut | Open) else None


def _order(group: Group) -> tuple[str, str, str]:
    return group.account or "", group.mode or "", _fate(group)


def _month(moment: str | None) -> str:
    return "-" if moment is None else moment[:7]


def _quoted(name: str) -> str:
    return f"'{name}'" if any(sign in name for sign in " '\"$&;|*?") else name
