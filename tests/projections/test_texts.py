"""What counts as JSON, told from what only looks like it, before PostgreSQL is asked."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from projections.texts import parsed

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(value=st.dictionaries(ANY_TEXT, VALUES, max_size=4), ascii_only=st.booleans())
@example(value={"a": float("inf")}, ascii_only=True)
@example(value={"a": "NaN", "b": float("nan")}, ascii_only=True)
@example(value={"a": float("-inf")}, ascii_only=True)
@example(value={"\ud800": 1}, ascii_only=False)
@example(value={"a": "\ud800"}, ascii_only=True)
def test_an_object_is_taken_as_one_exactly_where_it_can_be_written_as_strict_json(
    value: dict[str, object], *, ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)

    try:
        strict = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        expected: object = text
    else:
        expected = text if b"\\u0000" in strict else value

    assert parsed(text) == expected
