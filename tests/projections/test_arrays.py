"""Rows that go to PostgreSQL as parameters arrive as they are."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.copying import array_texts

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["NULL", "", '"', "\\", "{a,b}", "\\N", "a b", "\0"]
)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        st.none() | TEXTS,
        st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-9, max_value=9),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.datetimes(timezones=st.just(UTC)),
        st.booleans(),
        st.binary(),
    ),
    min_size=1,
)


@pytest.fixture(scope="module")
def dsn(make_database: Callable[..., str]) -> str:
    return make_database()


@settings(max_examples=50)
@given(ROWS)
def test_every_value_arrives_in_its_row(
    dsn: str, rows: list[tuple[str, str | None, Decimal, int | None, datetime, bool, bytes]]
) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT * FROM unnest(%s::TEXT[], %s::TEXT[], %s::NUMERIC[], %s::BIGINT[],"
            " %s::TIMESTAMPTZ[], %s::BOOLEAN[], %s::BYTEA[])",
            array_texts(rows),
        ).fetchall()

    assert found == [
        tuple(one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in row)
        for row in rows
    ]
