"""The third act: every table dropped, made again and told anew; a row edited by hand, and found."""

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
_DIGEST: Final = """
SELECT count(*), coalesce(sum(('x' || left(md5(row::TEXT), 16))::BIT(64)::BIGINT::NUMERIC), 0)
FROM {} AS row
"""
_EDIT: Final = """
UPDATE dispatch_executions SET entry_price = entry_price + 1
WHERE account_name = %s AND recommendation_id = (
    SELECT max(recommendation_id) FROM dispatch_executions WHERE account_name = %s
)
RETURNING recommendation_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltTables:
    """Act 3: what was dropped, what came back, and what was said about an edited row.

    `same_to_the_byte` says that every row came back with the text that it had before.
    """

    tables: int
    tables_made_again: int
    rows_before: int
    rows_after: int
    same_to_the_byte: bool
    events: int
    rebuild_seconds: float
    longest_swap_ms: float
    differences_after: int
    edited_recommendation: int
    found: list[str]
    rows_put_right: int


def rebuild_the_tables(stage: Stage) -> RebuiltTables:
    """Drop every table, rebuild, verify; edit a row by hand, verify, rebuild again.

    Raises:
        DemoFailed: The promise was not kept.
    """
    scene = stage.scene
    before = _contents(scene)
    _drop(scene)
    again = _told(scene, "migrate", "--recreate-missing")["recreated"]
    began = time.monotonic()
    rebuilt = _told(scene, "projections", "rebuild")
    took = time.monotonic() - began
    after = _contents(scene)
    clean = _differences(_told(scene, "projections", "verify"))
    edited = _edit(scene)
    differing = _differences(
        _told(scene, "projections", "verify", _EDITED, code=DifferenceFound.exit_code)
    )
    [mended] = _told(scene, "projections", "rebuild", _EDITED)
    found = RebuiltTables(
        tables=len(_TABLES),
        tables_made_again=len(again),
        rows_before=_count(before),
        rows_after=_count(after),
        same_to_the_byte=before == after,
        events=max(one["records"] for one in rebuilt),
        rebuild_seconds=round(took, 2),
        longest_swap_ms=max(one["swap_ms"] for one in rebuilt),
        differences_after=len(clean),
        edited_recommendation=edited,
        found=[_in_words(one) for one in differing],
        rows_put_right=mended["rows_changed"] // 2,  # the wrong one deleted, the right one written
    )
    if len(again) != len(_TABLES) or before != after or clean or len(differing) != 1:
        raise DemoFailed(f"act 3: the tables are not what the log says: {found}")
    return found


def _told(scene: Scene, *command: str, code: int = 0) -> Any:  # noqa: ANN401 -- whatever JSON it prints
    done = scene.run(*command, "--json")
    if done.returncode != code:
        raise DemoFailed(
            f"act 3: {' '.join(command)} ended with {done.returncode}, not {code}"
            f"{' (a bug)' if done.returncode == BUG else ''}: {done.stderr.strip()}"
        )
    return json.loads(done.stdout)


def _differences(verified: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [difference for one in verified for difference in one["differences"]]


def _in_words(difference: dict[str, Any]) -> str:
    key = ", ".join(f"{column}={value}" for column, value in difference["key"].items())
    fields = "; ".join(
        f"{one['column']} is {one['table']}, the log says {one['log']}"
        for one in difference["fields"]
    )
    return f"{difference['table']} ({key}): {fields or difference['kind']}"


def _contents(scene: Scene) -> dict[str, tuple[int, int]]:
    """Return how many rows each table has, and the sum of their digests: equal for equal rows."""
    with psycopg.connect(scene.addresses.postgres_dsn) as connection:
        found = {}
        for table in _TABLES:
            query = sql.SQL(_DIGEST).format(sql.Identifier(table))
            [[count, digest]] = connection.execute(query).fetchall()
            found[table] = (int(count), int(digest))
        return found


def _count(contents: dict[str, tuple[int, int]]) -> int:
    return sum(count for count, _ in contents.values())


def _drop(scene: Scene) -> None:
    with psycopg.connect(scene.addresses.postgres_dsn) as connection:
        tables = sql.SQL(", ").join(map(sql.Identifier, _TABLES))
        connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(tables))


def _edit(scene: Scene) -> int:
    with psycopg.connect(scene.addresses.postgres_dsn) as connection:
        [[edited]] = connection.execute(_EDIT, (TINY, TINY)).fetchall()
        return int(edited)
