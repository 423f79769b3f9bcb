import json
from collections.abc import Callable

from tests.cli.running import Command
from tests.legacy.ledger import old_ledger_of


def test_an_operator_is_shown_the_counts_asked_for_decisions_and_told_what_was_imported(
    dispatcher: Command, make_database: Callable[..., str]
) -> None:
    old = old_ledger_of(
        make_database,
        "UPDATE dispatch_executions SET execution_mode = 'SIMULATED_FALLBACK' "
        "WHERE recommendation_id <= 40",
        "UPDATE dispatch_executions SET entry_price = 'NaN' WHERE recommendation_id = 41",
    )
    command = ("legacy", "import", "--dsn", old)
    assert dispatcher("topics", "apply").code == 0
    assert dispatcher("accounts", "run", "tiny", "--until-caught-up").code == 0

    undecided = dispatcher(*command)
    assert undecided.code == 9
    assert "--map large-default=ACCOUNT or --leave OLD for each" in undecided.out
    assert "entry_price is NaN, not a number" in undecided.out
    assert max(map(len, undecided.out.splitlines())) <= 80
    assert "1,000 rows wait for a decision" in undecided.sentence

    decided = (
        *("--map", "large-default=tiny", "--leave-unnamed"),
        *("--leave-fallback", "--leave-faulty", "--json"),
    )
    plan = dispatcher(*command, *decided, "--plan").data
    assert (plan["imported"], plan["undecided"]) == (None, [])

    done = dispatcher(*command, *decided)
    assert done.data["imported"] == {"tiny": 719}
    assert done.data["groups"] == plan["groups"]
    left = [one["why_not"] for one in done.data["not_imported"]]
    assert {why: left.count(why) for why in left} == {
        "a fallback": 40,
        "faulty": 1,
        "no account": 240,
    }
    again = dispatcher(*command, *decided)
    assert again.data["imported"] == {}
    assert sum(one["rows"] for one in again.data["groups"] if one["in_log_before"]) == 719


def test_an_account_that_is_not_configured_is_named_before_anything_is_read(
    lonely: Command,
) -> None:
    answer = lonely("legacy", "import", "--dsn", "postgresql://x", "--map", "a=b", "--json")

    assert answer.code == 5
    assert "account 'b' is not configured" in json.loads(answer.sentence)["error"]["message"]
