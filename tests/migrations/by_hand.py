"""The files of this build, and what somebody at psql does with them and asks."""

from pathlib import Path
from typing import Any

import psycopg

import migrations

FILES = sorted(Path(migrations.__path__[0]).glob("*.sql"))
NAMES = [file.stem for file in FILES]


def ask(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def run_by_hand(dsn: str, file: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(file.read_bytes())
