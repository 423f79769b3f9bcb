"""`python -m examples.signal_engine`: recommendations as lines of JSON on standard output."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date

from examples.signal_engine.engine import issue
from examples.signal_engine.prices import History, load


def main(arguments: list[str] | None = None) -> int:
    """Write what `arguments` (default: the command line's) ask for; return the exit code."""
    history = load()
    parser = _parser(history)
    asked = parser.parse_args(arguments)
    if asked.start > asked.end:
        parser.error(f"--from {asked.start} is after --to {asked.end}")
    found: Iterable[dict[str, object]] = issue(history, asked.start, asked.end)
    if asked.tickers is not None:
        found = (one for one in found if one["ticker"] in asked.tickers)
    lines = _per_year(found) if asked.count else (json.dumps(one) for one in found)
    try:
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _per_year(found: Iterable[dict[str, object]]) -> Iterable[str]:
    counts = Counter((str(one["issued_at"])[:4], str(one["action"])) for one in found)
    for year in sorted({year for year, _ in counts}):
        yield f"{year}  BUY {counts[year, 'BUY']:5}  SELL {counts[year, 'SELL']:5}"
    yield f"all   {counts.total()}"


def _parser(history: History) -> argparse.ArgumentParser:
    def tickers(text: str) -> frozenset[str]:
        asked = frozenset(text.split(","))
        if unknown := asked.difference(history.tickers):
            known = ", ".join(history.tickers)
            raise argparse.ArgumentTypeError(
                f"no closes of {', '.join(sorted(unknown))}; there are {known}"
            )
        return asked

    def day(text: str) -> date:
        return date.fromisoformat(text)

    parser = argparse.ArgumentParser(prog="python -m examples.signal_engine", description=__doc__)
    first, last = history.days[0], history.days[-1]
    parser.add_argument("--from", dest="start", type=day, default=first, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="end", type=day, default=last, metavar="YYYY-MM-DD")
    parser.add_argument("--tickers", type=tickers, metavar="AAPL,MSFT")
    parser.add_argument("--count", action="store_true", help="print how many per year instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
