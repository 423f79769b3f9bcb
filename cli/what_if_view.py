"""What an account's course would have been, for a reader."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from accounts.calendar import exchange_day
from accounts.state import End, Trading, TradingStatus
from accounts.track_record import Day, Fate, Summary
from cli.output import dollars, exact, moment, print_table, say
from cli.table import Column
from cli.what_if_answer import Answer, how
from consumers.settings_limits import difference
from consumers.what_if import Difference, Differing

_MILLION: Final = 1_000_000


def print_answer(answer: Answer, rows_max: int | None) -> None:
    """Write the two courses side by side, and up to `rows_max` recommendations (None: all)."""
    issued = [one.issued_at for one in answer.issued]
    say(
        f"What if: {answer.account.name}, {len(issued):,} recommendations from "
        f"{min(issued):%Y-%m-%d} to {max(issued):%Y-%m-%d}"
    )
    changes = difference(answer.now, answer.what_if)
    for name, (now, changed) in changes.items():
        say(f"  {name}: {_value(now)} → {_value(changed)}")
    if not changes:
        say("  nothing is changed: both are the present limits")
    if answer.notice is not None:
        say(answer.notice)
    say()
    _print_courses(answer)
    say()
    for sentence in how(answer):
        say(sentence)
    for name, trading in (
        ("Now", answer.found.now.trading),
        ("What if", answer.found.what_if.trading),
    ):
        if trading.status is not TradingStatus.ACTIVE:
            say(
                f"{name} ends {trading.status.lower()}, and nobody resumes it in a simulation "
                f"({trading.reason}); --resume-next-day lets it trade again the day after."
            )
    _print_differing(answer.found.differing, rows_max)


def _print_courses(answer: Answer) -> None:
    now, what_if, log = answer.found.now, answer.found.what_if, answer.log
    columns: list[Column] = ["", ("Now", "right"), ("What if", "right"), ("Difference", "right")]
    if log is not None:
        columns.append(("On the log", "right"))
    rows = []
    for label, values in _figures(now, what_if, log):
        shown = [_shown(value) for value in values]
        rows.append([label, shown[0], shown[1], _change(values[0], values[1]), *shown[2:]])
    print_table(columns, rows)


def _figures(
    now: Summary, what_if: Summary, log: Summary | None
) -> Iterator[tuple[str, list[object]]]:
    every = [now, what_if] if log is None else [now, what_if, log]
    for end in End:
        name = end.value.lower()
        if end in (End.EXECUTED, End.DECLINED) or any(one.ends[name] for one in every):
            yield name.capitalize(), [one.ends[name] for one in every]
        if end is End.DECLINED:
            for gate in dict.fromkeys(gate for one in every for gate in one.declined_by):
                yield f"  {gate}", [one.declined_by.get(gate, 0) for one in every]
    if any(one.open for one in every):
        yield "Still open", [one.open for one in every]
    yield "Peak exposure", [one.peak_exposure for one in every]
    yield "Most positions", [one.peak_positions for one in every]
    yield "Realised P&L", [one.realised_pnl for one in every]
    yield "Open P&L", [one.open_pnl for one in every]
    yield "Fees", [one.fees for one in every]
    yield "P&L in all", [one.pnl for one in every]
    yield "Equity at the end", [one.equity for one in every]
    yield "Worst day", [_pnl(one.worst_day) for one in every]
    yield "  on", [_day(one.worst_day) for one in every]
    yield "Best day", [_pnl(one.best_day) for one in every]
    yield "  on", [_day(one.best_day) for one in every]
    yield "Deepest fall", [one.max_drawdown for one in every]
    yield "  of its highest", [_Share(one.max_drawdown_share) for one in every]
    if any(one.trading.status is not TradingStatus.ACTIVE for one in every):
        yield "At the end", [one.trading.status.lower() for one in every]
        yield "  since", [_since(one.trading) for one in every]
    yield "Closed trades", [one.closed_trades for one in every]
    yield "  won", [_win_rate(one) for one in every]


@dataclass(frozen=True, slots=True)
class _Share:
    of_one: Decimal


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case Decimal():
            return _money(value)
        case _Share():
            return f"{value.of_one:.1%}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _money(value: Decimal, sign: str = "") -> str:
    cents = 2 if abs(value) < _MILLION else 0  # four columns have to stand side by side
    return f"{value:{sign},.{cents}f}"


def _change(now: object, what_if: object) -> str:
    if now == what_if:
        return "="
    if isinstance(now, Decimal) and isinstance(what_if, Decimal):
        return _money(what_if - now, sign="+")
    if isinstance(now, int) and isinstance(what_if, int):
        return f"{what_if - now:+,}"
    if isinstance(now, _Share) and isinstance(what_if, _Share):
        return f"{(what_if.of_one - now.of_one) * 100:+.1f} pp"
    return ""


def _pnl(day: Day | None) -> Decimal | None:
    return None if day is None else day.pnl


def _day(day: Day | None) -> str | None:
    return None if day is None else day.day.isoformat()


def _since(trading: Trading) -> str | None:
    return None if trading.since is None else f"{exchange_day(trading.since)}"


def _win_rate(summary: Summary) -> _Share | None:
    if not summary.closed_trades:
        return None
    return _Share(Decimal(summary.won_trades) / summary.closed_trades)


def _print_differing(differing: Sequence[Differing], rows_max: int | None) -> None:
    say()
    if not differing:
        say("Every recommendation fares the same.")
        return
    told = [one for one in differing if one.kind is not Difference.GATES]
    quiet = len(differing) - len(told)
    shown = told if rows_max is None else told[:rows_max]
    if shown:
        print_table(
            [("Recommendation", "right"), "Decided", "Ticker", "", "Now", "What if"],
            (
                [
                    one.now.recommendation_id,
                    moment(one.now.decided_at)[:10],
                    one.now.ticker,
                    one.now.action.lower(),
                    _fate(one.now),
                    _fate(one.what_if),
                ]
                for one in shown
            ),
        )
    if len(told) > len(shown):
        say(f"{len(told) - len(shown):,} more fare differently: --all lists them.")
    if quiet:
        say(f"{quiet:,} are declined in both, by other gates.")


def _fate(fate: Fate) -> str:
    match fate.end:
        case None:
            return f"open, {exact(fate.quantity)} ordered"
        case End.EXECUTED:
            return f"{exact(fate.filled)} at {dollars(fate.price or Decimal(0))}"
        case End.DECLINED:
            return fate.declined_by[0] if fate.declined_by else "declined"
        case _:
            return fate.end.value.lower()


def _value(value: object) -> str:
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    return "none" if value is None else str(value)
