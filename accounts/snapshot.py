"""An account's state as text and back, to the last digit: what a snapshot holds.

The form follows the types' own hints, so that a new field of the state is in it, or in a type
that has no form yet fails at import.
"""

import json
from typing import Final, NoReturn

from accounts.forms import form_of
from accounts.state import AccountState

_FORM: Final = form_of(AccountState)


def dump(state: AccountState) -> str:
    """Return `state` as canonical JSON: equal states of one build give equal text.

    Raises:
        ValueError: A time has no time zone.
    """
    return json.dumps(_FORM.write(state), sort_keys=True, separators=(",", ":"))


def load(text: str) -> AccountState:
    """Return the state that `dump` made `text` of.

    Raises:
        ValueError: The text is anything but what `dump` of this build writes; it names the place.
    """
    try:
        state: AccountState = _FORM.read(json.loads(text, parse_constant=_refuse))
    except RecursionError as error:
        raise ValueError("state: nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"state: no JSON: {error}") from error
    except ValueError as error:
        raise ValueError(f"state{error}") from None
    again = dump(state)
    if again != text:  # a space, a key twice, 1.0 for 1: it was not written by us
        raise ValueError(f"state: differs from what is written of it at {_first(text, again)}")
    return state


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f": {constant} is no number")


def _first(text: str, again: str) -> int:
    pairs = zip(text, again, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(text), len(again)))
