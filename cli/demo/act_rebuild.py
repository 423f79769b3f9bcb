"""The third act: every table emptied and told anew, a row edited by hand and found."""

import json
import time
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from cli.demo.scene import TINY, Scene
from cli.demo.stage import DemoFailed, Stage
from cli.errors import BUG
from consumers.errors import DifferenceFound
from projections.catalog import PROJECTIONS

_TABLES: Final = tuple(table for projection in PROJECTIONS for table in projection.tables)
_EDITED: Final = "executions"
_EDIT: Final = """
UPDATE dispatch_executions SET entry_price = entry_price + 1
WHERE account_name = %s AND recommendation_id = (
    SELECT max(recommendation_id) FROM dispatch_executions WHERE account_name = %s
)
RETURNING recommendation_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltTables:
    """Act 3: what was emptied, what came back, and what was said about an edited row."""

    tables: int
    rows_before: int
    rows_emptied: int
    rows_after: int
    events: int
    rebuild_seconds: float
    longest_swap_ms: float
    differences_after: int
    edited_recommendation: int
    found: list[str]
    rows_put_right: int


def rebuild_the_tables(stage: Stage) -> RebuiltTables:
    """Empty every table, rebuild, verify; edit a row by hand, verify, rebuild again.

    Raises:
        DemoFailed: The promise was not kept.
    """
    scene = stage.scene
    before = _rows(scene)
    _empty(scene)
    emptied = before - _rows(scene)
    began = time.monotonic()
    rebuilt = _told(scene, "rebuild")
    took = time.monotonic() - began
    after = _rows(scene)
    clean = _differences(_told(scene, "verify"))
    edited = _edit(scene)
    differing = _differences(_told(scene, "verify", _EDITED, code=DifferenceFound.exit_code))
    [mended] = _told(scene, "rebuild", _EDITED)
    found = RebuiltTables(
        tables=len(_TABLES),
        rows_before=before,
        rows_emptied=emptied,
        rows_after=after,
        events=max(one["records"] for one in rebuilt),
        rebuild_seconds=round(took, 2),
        longest_swap_ms=max(one["swap_ms"] for one in rebuilt),
        differences_after=len(clean),
        edited_recommendation=edited,
        found=[_in_words(one) for one in differing],
        rows_put_right=mended["rows_changed"] // 2,  # the wrong one deleted, the right one written
    )
    if not before == emptied == after or clean or len(differing) != 1:
        raise DemoFailed(f"act 3: the tables are not what the log says: {found}")
    return found


def _told(scene: Scene, verb: str, *name: str, code: int = 0) -> list[dict[str, Any]]:
    done = scene.run("projections", verb, *name, "--json")
    if done.returncode != code:
        raise DemoFailed(
            f"act 3: projections {verb} ended with {done.returncode}, not {code}"
            f"{' (a bug)' if done.returncode == BUG else ''}: {done.stderr.strip()}"
        )
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def _differences(verified: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [difference for one in verified for difference in one["differences"]]


def _in_words(difference: dict[str, Any]) -> str:
    key = ", ".join(f"{column}={value}" for column, value in difference["key"].items())
    fields = "; ".join(
        f"{one['column']} is {one['table']}, the log says {one['log']}"
        for one in difference["fields"]
    )
    return f"{difference['table']} ({key}): {fields or difference['kind']}"


def _rows(scene: Scene) -> int:
    counts = sql.SQL(" + ").join(
        sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(table)) for table in _TABLES
    )
    with psycopg.connect(scene.addresses.postgres_dsn) as connection:
        [[count]] = connection.execute(sql.SQL("SELECT {}").format(counts)).fetchall()
        return int(count)


def _empty(scene: Scene) -> None:
    with psycopg.connect(scene.addresses.postgres_dsn) as connection:
        tables = sql.SQL(", ").join(map(sql.Identifier, _TABLES))
        connection.execute(sql.SQL("TRUNCATE {}").format(tables))


def _edit(scene: Scene) -> int:
    with psycopg.connect(scene.addresses.postgres_dsn) as connection:
        [[edited]] = connection.execute(_EDIT, (TINY, TINY)).fetchall()
        return int(edited)
