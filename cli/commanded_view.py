"""What came of an operator's command: for a reader at three in the morning, and as JSON."""

from accounts.state import AccountState, Trading, TradingStatus
from cli.output import exact, moment, print_table, say
from consumers.commands import Obeyed
from events.account import AccountHalted, AccountReduced, CommandRefused


def obeyed_as_json(each: Obeyed) -> dict[str, object]:
    """Return the command, its answer (None while there is none) and the account around it."""
    command, answer, state = each.command, each.answer, each.state
    return {
        "account": command.account_name,
        "command_id": command.command_id,
        "kind": command.kind,
        "by": command.by,
        "reason": command.reason,
        "expires_at": command.expires_at,
        "answer": None if answer is None else type(answer).__name__,
        "next_offset": each.next_offset,
        "answered_at": None if answer is None else answer.envelope.occurred_at,
        "refusal": answer.reason if isinstance(answer, CommandRefused) else None,
        "as_wished": each.as_wished,
        "in_flight": _in_flight(each),
        "before": each.before,
        "after": None if state is None else state.trading,
        "orders": [] if state is None else list(state.orders.values()),
        "positions": [] if state is None else list(state.positions.values()),
    }


def print_obeyed(obeyed: list[Obeyed], *, in_full: bool) -> None:
    """Write it to stdout: a line for each account, and `in_full` what remains open and held."""
    for each in obeyed:
        if each.state is None:
            if not in_full:
                say(f"{each.command.account_name}: not answered")
            continue
        say(sentence_of(each))
        if in_full:
            _print_remains(each, each.state)


def sentence_of(each: Obeyed) -> str:
    """Return what came of the command in one sentence."""
    name, command = each.command.account_name, each.command
    if each.answer is None:
        kept = (
            f"the {command.kind.lower().replace('_', '-')} is in Kafka for good, and obeyed until "
            f"{moment(command.expires_at)} UTC"
        )
        if each.dispatchers == 0:
            return (
                f"{name}: no dispatcher of it is running, so nobody trades for it and nobody has "
                f"answered; {kept}: by the next dispatcher, before its first decision. "
                f"Start one: dispatcher accounts run {name}"
            )
        return (
            f"{name}: {each.dispatchers} running, none has answered yet; {kept}. "
            f"Look again: dispatcher accounts show {name}"
        )
    trading = each.state.trading if each.state is not None else Trading()
    if isinstance(each.answer, CommandRefused):
        if each.as_wished:
            return f"{name} is already {_status(trading)}{_because(trading)}; nothing to do."
        return f"{name}: refused: {each.answer.reason}; it is {_status(trading)}{_because(trading)}"
    before = "" if each.before is None else f" (it was {_status(each.before)})"
    state = each.state or AccountState()
    return (
        f"{name} is {_status(trading)}{before}; {len(_in_flight(each))} in flight, "
        f"{len(state.orders)} open orders, {len(state.positions)} holdings."
    )


def wait_command(account: str, offset: int) -> str:
    """Return the command that waits until the tables hold an account's log before `offset`."""
    return f"dispatcher projections wait --account {account} --offset {offset}"


def next_step(name: str, trading: Trading) -> str | None:
    """Return the command that ends what keeps the account from trading; None while it trades."""
    if trading.status is TradingStatus.ACTIVE:
        return None
    return f'dispatcher accounts resume {name} --reason "…"'


def _print_remains(each: Obeyed, state: AccountState) -> None:
    if flying := _in_flight(each):
        say("Sent before it stopped; what became of them is being found out:")
        for order in flying:
            say(f"  {order}")
    if state.orders:
        say()
        print_table(
            ["Open order", "Side", ("Qty", "right"), ("Filled", "right"), "Status"],
            (
                [
                    one.client_order_id,
                    one.terms.side.lower(),
                    exact(one.terms.quantity),
                    exact(one.cumulative_quantity),
                    one.status.lower(),
                ]
                for one in sorted(state.orders.values(), key=lambda one: one.intended_at)
            ),
        )
    if state.positions:
        say()
        print_table(
            ["Holding, which stays", ("Qty", "right"), ("Cost", "right")],
            (
                [one.symbol, one.quantity, f"{one.cost:,.2f}"]
                for one in sorted(state.positions.values(), key=lambda one: one.symbol)
            ),
        )
    say()
    name, trading = each.command.account_name, state.trading
    if state.orders and trading.status is not TradingStatus.ACTIVE and not trading.cancel_open:
        say(f'To cancel open orders: dispatcher accounts cancel-open {name} --reason "…"')
    if step := next_step(name, trading):
        say(f"To trade again: {step}")
    if each.next_offset is not None:
        say("To wait until the tables have it:")
        say(f"  {wait_command(name, each.next_offset)}", to_copy=True)


def _in_flight(each: Obeyed) -> tuple[str, ...]:
    answer = each.answer
    return answer.in_flight if isinstance(answer, AccountHalted | AccountReduced) else ()


def _status(trading: Trading) -> str:
    cancelling = ", cancelling what is open" if trading.cancel_open else ""
    return f"{trading.status.lower()}{cancelling}"


def _because(trading: Trading) -> str:
    if trading.since is None or trading.status is TradingStatus.ACTIVE:
        return ""
    return f" since {moment(trading.since)} by {trading.by}: {trading.reason}"
