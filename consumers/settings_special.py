"""``[[accounts.NAME.limits.special]]``: limits that differ by instrument and strategy, as typed."""

from dataclasses import fields
from typing import Annotated, Any, Final, get_type_hints

from pydantic import AfterValidator, BeforeValidator, create_model, model_validator

from accounts.special_limits import WHY_NOT, SpecialLimits
from consumers.settings_values import Table, strict
from events.records import unwrapped


class _Entry(Table):
    """Limits for orders of one instrument, one strategy or both; the nearest entry counts."""

    @model_validator(mode="before")
    @classmethod
    def _of_single_orders(cls, table: Any) -> Any:  # noqa: ANN401 -- whatever was written there
        if not isinstance(table, dict):
            return table
        for key, why in WHY_NOT.items():
            if key in table:
                raise ValueError(f"cannot hold {key}: {why}; set it in limits itself")
        if not table.keys() - {"instrument", "strategy"}:
            raise ValueError("has an entry without any limit: name those that differ")
        return table


_HINTS: Final = get_type_hints(SpecialLimits)
_FIELDS: Final[dict[str, Any]] = {
    field.name: (strict(unwrapped(_HINTS[field.name])[0]), None) for field in fields(SpecialLimits)
}
_SpecialTable: Any = create_model("SpecialLimits", __base__=_Entry, **_FIELDS)


def _special(table: Any) -> SpecialLimits:  # noqa: ANN401 -- of a class made at run time
    return SpecialLimits(**{name: getattr(table, name) for name in table.model_fields_set})


def _tables(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError(  # noqa: TRY004 -- pydantic collects ValueErrors
            "is a list of tables, each [[accounts.NAME.limits.special]] with instrument, strategy "
            "or both and what differs: only the configuration's file can hold it"
        )
    return value


Specials: Any = Annotated[
    tuple[Annotated[_SpecialTable, AfterValidator(_special)], ...], BeforeValidator(_tables)
]
"""The entries of one account, as the core knows them."""
