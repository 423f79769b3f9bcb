"""What the paper demo says to a reader."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Final

from cli.demo.paper_scene import KEYS, PAPER
from cli.output import exact, say
from events.catalog import LogEvent
from events.decision import RecommendationDeclined, RecommendationFailed
from events.order import (
    OrderAccepted,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)

if TYPE_CHECKING:
    from cli.demo.paper import PaperResult


_WIDTH: Final = 80


def in_words(event: LogEvent) -> str:  # noqa: PLR0911 -- one sentence for each kind of event
    """Return an event of an order's life as a few words."""
    match event:
        case OrderIntended():
            limit = event.terms.limit_price
            at = "" if limit is None else f" at {exact(limit)} or less"
            return f"intended: {exact(event.terms.quantity)} {event.terms.symbol}{at}"
        case OrderResent():
            return f"sent again, attempt {event.attempt}: {event.reason}"
        case OrderAccepted():
            return "accepted, as its look-up says" if event.adopted else "accepted"
        case OrderRejected():
            return f"rejected ({event.rejection_class}, HTTP {event.status}): {event.message}"
        case OrderOutcomeUnknown():
            return f"outcome unknown: {event.how.partition(': ')[2] or event.how}"
        case OrderFilled():
            total = exact(event.cumulative_quantity)
            return f"filled {exact(event.quantity)} at {exact(event.price)}, {total} in all"
        case RecommendationDeclined():
            return f"declined by {', '.join(event.declined_by)}"
        case RecommendationFailed():
            return f"failed: {event.error}"
        case _:
            return type(event).__name__


def say_result(found: "PaperResult") -> None:
    """Tell each scene as the log has it beside the broker's own count, then the sums."""
    say()
    say("A paper account at a fake of Alpaca: real HTTP, real websocket, no real money.")
    for number, one in enumerate(found.scenes, 1):
        say()
        say(f"{number} {one.advice}: {one.title}")
        for words in one.log:
            say(fill(words, _WIDTH, initial_indent="    ", subsequent_indent="      "))
        orders = "1 order" if one.orders else "no order"
        filled = f", {exact(one.filled)} filled" if one.filled else ""
        say(f"  The broker's own book: {one.posts} POST, {orders}{filled}.")
    say()
    held = ", ".join(f"{exact(quantity)} {symbol}" for symbol, quantity in found.positions.items())
    say(f"{found.executed} executed, {found.rejected} rejected; {found.posts} POSTs, none twice.")
    say(fill(f"Held, in the log as at the broker: {held}.", _WIDTH, subsequent_indent="  "))
    say(f"dispatch_executions has {found.executions_in_table} rows.")
    say(f"All of it took {found.seconds:.0f} s.")


def say_how_to_look_around(directory: Path) -> None:
    """Tell what to type while everything is left running."""
    say()
    say("Kafka, the registry, PostgreSQL and the fake were left running. To look around:")
    say(f"  export DISPATCHER_CONFIG={directory}/dispatcher.toml", to_copy=True)
    for name, value in KEYS.items():
        say(f"  export {name}={value}", to_copy=True)
    for command in (
        f"accounts show {PAPER}",
        "recommendations show 3",
        "executions list",
        "doctor",
        f"accounts run {PAPER}",
    ):
        say(f"  dispatcher {command}", to_copy=True)
    say("To end it and delete it all:")
    say(f"  dispatcher stack down --purge --dir {directory}/stack", to_copy=True)
    say(f"  rm -r {directory}", to_copy=True)
