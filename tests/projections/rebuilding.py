"""Tables told anew in a world, and what is to be seen of it in the database."""

from typing import Any

import psycopg

from consumers.projector.building import RebuildSettings
from consumers.projector.finishing import OnProgress, Rebuilt
from consumers.projector.rebuild import rebuild
from projections.catalog import PROJECTIONS, projection_named
from projections.projection import Projection
from tests.projections.driving import rows
from tests.projections.projecting import World
from tests.projections.story import NOW
from tests.projections.verifying import found

EXECUTIONS = projection_named("executions")
ALL_TABLES = [table for projection in PROJECTIONS for table in projection.tables]


def rebuilt(
    world: World,
    *projections: Projection,
    on_progress: OnProgress = lambda _phase, _done, _total: None,
) -> list[Rebuilt]:
    settings = RebuildSettings(
        cluster=world.cluster,
        postgres_dsn=world.database,
        build="test",
        by="somebody",
        now=lambda: NOW,
    )
    return rebuild(settings, world.codec, projections or PROJECTIONS, on_progress)


def is_verified(world: World) -> bool:
    return not found(world)


def content(dsn: str) -> dict[str, Any]:
    return {table: rows(dsn, table) for table in [*ALL_TABLES, "projection_checkpoints"]}


def schemas(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'dispatcher_rebuild%'"
        )
        return [name for (name,) in found]


def names(dsn: str) -> set[tuple[str, ...]]:
    """Return the names and definitions of every index, constraint and column of the tables."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            """
            SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL
            SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::REGNAMESPACE
            UNION ALL
            SELECT 'table', relname, oid::TEXT || coalesce(relacl::TEXT, '') FROM pg_class
            WHERE relnamespace = 'public'::REGNAMESPACE AND relkind = 'r'
            """
        )
        return set(found.fetchall())
