"""The demo from curtain to curtain."""

import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from cli.demo import report
from cli.demo.act_rebuild import RebuiltTables, rebuild_the_tables
from cli.demo.acts import (
    ACTS_START,
    BrokenProjection,
    KilledDispatcher,
    break_a_projection,
    kill_a_dispatcher,
)
from cli.demo.facts import AccountFacts, account_facts
from cli.demo.scene import ACCOUNTS, scene
from cli.demo.stage import DemoFailed, stage
from cli.output import print_json
from consumers.logs import configure_logs
from consumers.registry import RegistrySchemaSource, check_schemas
from events.codec import Codec
from stack.bar import TerminalProgress
from stack.progress import Progress, Silent


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Everything the demo found. Times are seconds; the rate is recommendations x accounts."""

    first_day: date
    recommendations: int
    last_recommendation: int
    seconds_to_first_decision: float
    dispatch_seconds: float
    decisions_per_second: float
    projection_seconds_behind: float
    accounts: list[AccountFacts]
    broken_projection: BrokenProjection
    killed_dispatcher: KilledDispatcher
    rebuilt_tables: RebuiltTables
    final: list[AccountFacts]
    seconds: float


def run_demo(directory: Path, first_day: date, *, keep: bool, as_json: bool) -> DemoResult:
    """Play the whole demo in `directory` and print what was found.

    Raises:
        DemoFailed: Something did not end as promised.
        StackError: The servers could not be started.
    """
    began = time.monotonic()
    configure_logs(least="error")
    if as_json:
        result = _play(directory, first_day, Silent(), began, quiet=True)
        print_json(result)
    else:
        with TerminalProgress() as progress:
            result = _play(directory, first_day, progress, began, quiet=False)
    if keep and not as_json:
        report.say_how_to_look_around(directory, result.last_recommendation)
    return result


def _play(
    directory: Path, first_day: date, progress: Progress, began: float, *, quiet: bool
) -> DemoResult:
    with scene(directory, progress) as set_up:
        source = RegistrySchemaSource(set_up.addresses.registry_url)
        check_schemas(source)
        codec = Codec(source)
        with stage(set_up, codec, quiet=quiet) as play:
            projector = set_up.project()
            advice = play.issue(first_day, ACTS_START - timedelta(days=1))
            progress.note(f"{len(advice)} recommendations are in Kafka; dispatching begins.")
            first_decision: list[float] = []

            def note_the_first_decision(_: object) -> None:
                decided = any(one.tally.decided for one in play.followers.values())
                if decided and not first_decision:
                    first_decision.append(time.monotonic() - began)

            took = play.run_dispatchers("Dispatching", advice, meanwhile=note_the_first_decision)
            behind = play.await_projections(projector)
            accounts = [account_facts(play, account) for account in ACCOUNTS]
            if not quiet:
                report.say_summary(first_day, len(advice), accounts, took, behind)
            broken = break_a_projection(play, projector)
            if not quiet:
                report.say_first_act(broken)
            killed = kill_a_dispatcher(play, projector)
            if not quiet:
                report.say_second_act(killed)
            rebuilt = rebuild_the_tables(play)
            if not quiet:
                report.say_third_act(rebuilt)
            final = [account_facts(play, account) for account in ACCOUNTS]
            _require_balance(final)
            result = DemoResult(
                first_day=first_day,
                recommendations=len(advice),
                last_recommendation=advice[-1].recommendation_id,
                seconds_to_first_decision=round(first_decision[0], 2),
                dispatch_seconds=round(took, 2),
                decisions_per_second=round(len(advice) * len(ACCOUNTS) / took, 1),
                projection_seconds_behind=round(behind, 2),
                accounts=accounts,
                broken_projection=broken,
                killed_dispatcher=killed,
                rebuilt_tables=rebuilt,
                final=final,
                seconds=round(time.monotonic() - began, 2),
            )
            if not quiet:
                report.say_balance(final, result.seconds)
            projector.stop()
        source.close()
    return result


def _require_balance(final: list[AccountFacts]) -> None:
    for facts in final:
        if not facts.from_log.holds or facts.from_log != facts.from_tables:
            raise DemoFailed(
                f"{facts.account}: the accounts do not balance: the log says {facts.from_log}, "
                f"the tables say {facts.from_tables}"
            )
        if facts.executions_in_table != facts.from_log.executed:
            raise DemoFailed(
                f"{facts.account}: {facts.from_log.executed} executed in the log, "
                f"{facts.executions_in_table} rows in dispatch_executions"
            )
