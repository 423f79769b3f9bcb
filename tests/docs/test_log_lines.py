"""Every line that a process may log is explained to whoever reads it at night."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.docs.pages import PAGES, ROOT, inline_code

LEVELS: Final = frozenset({"info", "warning", "error", "critical", "exception", "log"})


def called(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what every call of a logger's method is given as the line's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = node.args[1:] if node.func.attr == "log" else node.args
            if node.func.attr in LEVELS and given:
                yield given[0]


def names_in(tree: ast.AST, given: ast.expr) -> set[str]:
    """Return each name that `given` may be, where it is a variable by what that is set to."""
    if isinstance(given, ast.Name):
        values = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and given.id in map(ast.unparse, node.targets)
        ]
        return {name for value in values for name in names_in(tree, value)}
    if isinstance(given, ast.IfExp):
        return names_in(tree, given.body) | names_in(tree, given.orelse)
    return (
        {given.value} if isinstance(given, ast.Constant) and isinstance(given.value, str) else set()
    )


def logged() -> dict[str, set[str]]:
    """Return the names of all log lines by the call that writes them."""
    found = {}
    for folder in ("brokers", "cli", "consumers"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for given in called(tree):
                place = f"{file.relative_to(ROOT)}:{given.lineno}"
                found[place] = names_in(tree, given)
    return found


def test_every_log_line_is_explained_on_a_page_of_operations() -> None:
    pages = [page for page in PAGES if Path("docs/operations") in page.relative_to(ROOT).parents]
    explained = {code for page in pages for code in inline_code(page)}

    missing = {place: names - explained for place, names in logged().items()}

    assert {place: names for place, names in missing.items() if names} == {}


def test_no_log_line_has_a_name_that_cannot_be_found() -> None:
    lines = logged()

    assert [place for place, names in lines.items() if not names] == []
    names = set[str]().union(*lines.values())
    assert {"kafka_client", "projection_interrupted", "execution_simulated", "seat_lost"} <= names
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []
