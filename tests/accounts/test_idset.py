"""The set that forgets nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.idset import IdSet


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(st.integers(0, 5_000) | st.integers(0, 2**65)))
def test_it_holds_what_was_added_and_nothing_else(numbers: list[int]) -> None:
    held = IdSet()
    for number in numbers:
        held = held.add(number)

    assert len(held) == len(set(numbers))
    assert all(number in held for number in numbers)
    assert all((number + 1 in held) == (number + 1 in set(numbers)) for number in numbers)


def test_adding_leaves_the_former_set_alone() -> None:
    before = IdSet().add(1)
    before.add(2)

    assert 2 not in before
    assert before.add(1) is before
