"""`account_positions`, `account_state`: what each account holds, may do, won and lost."""

from collections.abc import Iterable
from typing import Final

from events.catalog import LOG_EVENTS
from events.envelope import Origin
from projections.account_books import dump, load, step
from projections.account_rows import AccountStateRow, PositionRow, rows
from projections.projection import Folding, Projection, Readable
from projections.stage import Row, Stage, columns_of


def _no_rows(_event: Readable, _origin: Origin) -> Iterable[Row]:
    """Return nothing: no event of a log says alone what the account has come to."""
    return ()


def _replace(table: str, stage: str, row: type[Row], key: str) -> str:
    """Return a merge in which a row takes the place of the one before, where it says anything new.

    The rows of a fold come in its log's order, so the newest is always the right one.
    """
    columns = columns_of(row)
    was = ", ".join(f"t.{name}" for name in columns.split(", "))
    now = ", ".join(f"excluded.{name}" for name in columns.split(", "))
    return f"""
INSERT INTO {table} AS t ({columns})
SELECT {columns} FROM {stage}
ON CONFLICT ({key}) DO UPDATE SET
    ({columns}) = ROW ({now})
WHERE ({was}) IS DISTINCT FROM ({now})
"""  # noqa: S608 -- names from this folder's own row types, never from data


_GONE: Final = """
DELETE FROM account_positions AS p
USING stage_account_state AS s
WHERE p.account_name = s.account_name
  AND NOT EXISTS (
      SELECT FROM stage_account_positions AS q
      WHERE q.account_name = p.account_name AND q.symbol = p.symbol
  )
"""

ACCOUNTS: Final = Projection(
    name="accounts",
    reads_logs=True,
    events=frozenset(LOG_EVENTS),  # each moves `log_offset`, and nearly each the account
    tables=("account_positions", "account_state"),
    stages=(
        Stage(
            name="stage_account_state",
            row=AccountStateRow,
            merges=(
                _replace("account_state", "stage_account_state", AccountStateRow, "account_name"),
                _GONE,
            ),
        ),
        Stage(
            name="stage_account_positions",
            row=PositionRow,
            merges=(
                _replace(
                    "account_positions",
                    "stage_account_positions",
                    PositionRow,
                    "account_name, symbol",
                ),
            ),
        ),
    ),
    rows=_no_rows,
    folding=Folding(step=step, rows=rows, dump=dump, load=load),
)
"""Every account as its own log sums up, by the fold that its dispatcher decides by."""
