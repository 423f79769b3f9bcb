"""What a dispatcher says while it works: one line per change, none while nothing changes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.cli.advice import line
from tests.cli.running import ROOT, TIMEOUT_S, Command


def _until(process: subprocess.Popen[str], event: str, **data: object) -> Iterator[dict[str, Any]]:
    """Yield what the process says, up to the first line of `event` with these `data`."""
    assert process.stderr is not None
    for text in process.stderr:
        told = json.loads(text)
        yield told
        if told["event"] == event and told["data"].items() >= data.items():
            return
    raise AssertionError(f"it ended without a word of {event} {data}")


def test_recommendations_are_claimed_in_a_line_and_each_end_is_told_once(
    dispatcher: Command,
) -> None:
    # given: a dispatcher on the wall clock, for which all of this advice is too old
    file = dispatcher.directory / "dispatcher.toml"
    file.write_text(file.read_text().replace('clock = "historical"', 'clock = "system"'))
    assert dispatcher("topics", "apply").code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "accounts", "run", "tiny"],
        cwd=dispatcher.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    told: list[dict[str, Any]] = []

    # when: one recommendation comes after another
    try:
        for number in (1, 2):
            assert dispatcher("recommendations", "publish", "-", stdin=line(number)).code == 0
            told += _until(process, "no_pending_recommendations", next_offset=number)
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=TIMEOUT_S)
    told += [json.loads(text) for text in rest.splitlines()]

    # then
    claimed = [one["data"] for one in told if one["event"] == "recommendations_claimed"]
    assert [(one["count"], one["intended"], one["next_offset"]) for one in claimed] == [
        (1, 0, 1),
        (1, 0, 2),
    ]
    assert {one["account_name"] for one in claimed} == {"tiny"}
    assert all(one["dispatcher_run_id"] for one in claimed)
    ends = [
        one["data"]["next_offset"] for one in told if one["event"] == "no_pending_recommendations"
    ]
    assert ends == sorted(set(ends))  # once each
    assert ends[-2:] == [1, 2]
