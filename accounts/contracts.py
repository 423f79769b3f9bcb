"""Option contracts by their OCC symbols: which one an exit means that names none. Pure."""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from accounts.state import AccountState
from events.recommendation import Action, InstrumentType, OptionQuote, RecommendationIssued

OCC: Final = re.compile(r"(?P<root>[A-Z]{1,6})(?P<expiry>\d{6})(?P<right>[CP])(?P<strike>\d{8})")


def with_held_contract(
    state: AccountState, recommendation: RecommendationIssued
) -> RecommendationIssued:
    """Return advice to sell a CALL or PUT with the contract that is held, where it named none.

    Without a price: the advice has named none. Where several are held, or none, it stays unnamed,
    and is declined as such: which one to sell is not to be guessed.
    """
    kind = recommendation.instrument_type
    if recommendation.option is not None or kind is InstrumentType.STOCK:
        return recommendation
    if recommendation.action is not Action.SELL:
        return recommendation
    held = [
        position.symbol
        for position in state.positions.values()
        if position.ticker == recommendation.ticker
        and position.instrument_type is kind
        and position.quantity > 0
    ]
    found = OCC.fullmatch(held[0]) if len(held) == 1 else None
    if found is None:
        return recommendation
    expiry = datetime.strptime(found["expiry"], "%y%m%d").date()  # noqa: DTZ007 -- a day, no time
    strike = Decimal(found["strike"]) / 1000
    return replace(recommendation, option=OptionQuote(symbol=held[0], strike=strike, expiry=expiry))
