"""`dispatcher doctor`."""

from textwrap import wrap

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, print_json, say
from consumers.doctor.examine import examine, exit_code
from consumers.doctor.finding import Finding, Verdict
from consumers.errors import ConfigurationError, ServiceUnreachable

app = typer.Typer(add_completion=False)

_WIDTH = 80
_INDENT = " " * 6


@app.command()
def doctor(*, config: Config = None, as_json: AsJson = False) -> None:
    """Look at everything Dispatcher needs; each line says how it is, and the cure.

    Exit code 7 if a service is unreachable, else 3 if something must be mended, else 0.

    Example: dispatcher doctor --json
    """
    findings = examine(settings_from(config))
    code = exit_code(findings)
    if as_json:
        print_json({"exit_code": code, "findings": findings})
    else:
        for finding in findings:
            _tell(finding)
    if not code:
        return
    failed = sum(finding.verdict is Verdict.FAIL for finding in findings)
    sentence = f"{failed} of {len(findings)} checks failed: each one names its cure"
    raise (ServiceUnreachable if code == Finding.UNREACHABLE else ConfigurationError)(sentence)


def _tell(finding: Finding) -> None:
    head = f"{finding.verdict:<5} {finding.check}: {finding.says}"
    lines = wrap(head, _WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False)
    if finding.cure:
        lines += wrap(
            f"{_INDENT}-> {finding.cure}",
            _WIDTH,
            subsequent_indent=f"{_INDENT}   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    for line in lines:
        say(line)
