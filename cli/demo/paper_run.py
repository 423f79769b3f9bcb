"""The paper demo from curtain to curtain."""

from pathlib import Path

from cli.demo.paper import PaperResult, play_paper
from cli.demo.paper_words import say_how_to_look_around, say_result
from cli.output import print_json
from consumers.logs import configure_logs
from stack.bar import TerminalProgress
from stack.progress import Silent


def run_paper_demo(directory: Path, *, keep: bool, as_json: bool) -> PaperResult:
    """Play the paper demo in `directory` and print what was found.

    Raises:
        DemoFailed: Something did not end as promised.
        StackError: The servers could not be started.
    """
    configure_logs(least="error")
    if as_json:
        result = play_paper(directory, Silent())
        print_json(result)
        return result
    with TerminalProgress() as progress:
        result = play_paper(directory, progress)
    say_result(result)
    if keep:
        say_how_to_look_around(directory)
    return result
