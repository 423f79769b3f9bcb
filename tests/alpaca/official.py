"""Alpaca's OpenAPI documents as a judge of every request sent and every answer given."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker
from requests import PreparedRequest, Response, Session

_FOLDER = Path(__file__).parent / "spec"
_DOCUMENTS = ("trading-api", "market-data-api")
_FORMATS = FormatChecker(formats=())
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")

# Where the documents are not what the API does, and what is known about it.
KNOWN_DEVIATIONS = {
    "required: type, time_in_force only": "an answer's other fields are optional in the document; "
    "the fake sends all that were recorded from the paper API",
    "position exchange": "'' for an option contract, as the document's own enumeration has it",
    "account": "pattern_day_trader, daytrade_count and daytrading_buying_power are in the document "
    "and, since 2026-07-06, in no recorded answer: the fake leaves them out",
    "errors": "bodies of 401, 403, 404, 422 and 429 are in no document: recorded ones are followed",
    "OPEXP … activities": "`date` is a plain date, as Alpaca's pages show it; the document says "
    "date-time",
    "activities": "the document wants exactly one of two kinds, of which neither requires "
    "anything, so that every fill is both: any of them will do",
    "calendar start, end": "clients send plain dates, and the document's example is one; the "
    "document says date-time",
    "alpaca-py": "sends quantities and prices as JSON numbers where the document has strings, "
    "and True where JSON has true; the API takes both",
}


@_FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or _MOMENT.fullmatch(value) is not None


@_FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(UUID(value))


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@_FORMATS.checks("decimal")
def _is_decimal(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def check(answer: Response, *, numbers_allowed: bool = False) -> None:
    """Raise AssertionError when a request or its answer breaks Alpaca's documents.

    `numbers_allowed` is for alpaca-py, which sends JSON numbers where the document has strings.
    """
    request = answer.request
    method, path = str(request.method).lower(), urlsplit(str(request.url)).path
    document, template = _operation(path)
    operation = document["paths"][template][method]
    problems = [
        *_wrong_parameters(document, document["paths"][template], operation, request),
        *_wrong_body(document, operation, request, numbers_allowed=numbers_allowed),
        *_wrong_answer(document, operation, answer),
    ]
    assert not problems, f"{method} {path}: {problems}"


def hold(session: Session) -> None:
    """Check every request that `session` sends from now on, and every answer to it."""

    def judge(answer: Response, **_: object) -> None:
        check(answer)

    session.hooks["response"].append(judge)


def served_paths() -> set[tuple[str, str]]:
    """Return every (method, path) of the documents."""
    return {
        (method, path)
        for name in _DOCUMENTS
        for path, item in _document(name)["paths"].items()
        for method in item
        if method != "parameters"
    }


def order_problems(order: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an order, as Alpaca's document has it."""
    return _problems(_document("trading-api"), {"$ref": "#/components/schemas/Order"}, order)


def _operation(path: str) -> tuple[dict[str, Any], str]:
    fitting = []
    for name in _DOCUMENTS:
        document = _document(name)
        for template in document["paths"]:
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path):
                fitting.append((template.count("{"), template, document))
    assert fitting, f"Alpaca has no path {path}"
    _, template, document = min(fitting, key=lambda each: each[0])
    return document, template


def _wrong_parameters(
    document: dict[str, Any],
    item: dict[str, Any],
    operation: dict[str, Any],
    request: PreparedRequest,
) -> Iterator[str]:
    declared = [*item.get("parameters", ()), *operation.get("parameters", ())]
    known = {each["name"]: each for each in (_resolved(document, each) for each in declared)}
    sent = dict(parse_qsl(urlsplit(str(request.url)).query))
    for name, text in sent.items():
        if name not in known:
            yield f"Alpaca knows no parameter {name}"
            continue
        schema = _resolved(document, known[name]["schema"])
        if name in {"start", "end"}:
            continue  # a known deviation
        value: object = text.split(",") if schema.get("type") == "array" else text
        if schema.get("type") in {"integer", "number", "boolean"}:
            value = json.loads(text.lower())
        yield from _problems(document, schema, value)
    for name, parameter in known.items():
        if parameter.get("required") and parameter["in"] == "query" and name not in sent:
            yield f"parameter {name} is missing"


def _wrong_body(
    document: dict[str, Any],
    operation: dict[str, Any],
    request: PreparedRequest,
    *,
    numbers_allowed: bool,
) -> Iterator[str]:
    if "requestBody" not in operation:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = json.loads(request.body or "null")
    if numbers_allowed:
        body = _numbers_as_text(body)
    yield from _problems(document, schema, body)
    unknown = set(body) - set(schema["properties"])
    if unknown:
        yield f"Alpaca knows no field {sorted(unknown)}"


def _wrong_answer(
    document: dict[str, Any], operation: dict[str, Any], answer: Response
) -> Iterator[str]:
    documented = operation["responses"].get(str(answer.status_code))
    if documented is None or not answer.ok:
        if answer.ok:
            yield f"status {answer.status_code} is not documented"
        return  # a known deviation: no document has the bodies of errors
    content = _resolved(document, documented).get("content", {})
    if not content:
        if answer.text:
            yield f"a {answer.status_code} has no body"
        return
    value = json.loads(answer.text)
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict) and str(each.get("activity_type", "")).startswith("OP"):
            each["date"] += "T00:00:00Z"  # a known deviation
    yield from _problems(document, content["application/json"]["schema"], value)


def _problems(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    whole = {**_strict(schema), "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=_FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _strict(schema: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Turn OpenAPI 3.0's `nullable` into JSON Schema's null, and `oneOf` into `anyOf` (known)."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {
        "anyOf" if name == "oneOf" else name: _strict(each)
        for name, each in schema.items()
        if name != "nullable"
    }
    return {"anyOf": [{"type": "null"}, inner]} if schema.get("nullable") is True else inner


def _numbers_as_text(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        return {name: _numbers_as_text(each) for name, each in value.items()}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _resolved(document: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    found: Any = item
    while "$ref" in found:
        kind, name = found["$ref"].split("/")[-2:]
        found = document["components"][kind][name]
    resolved: dict[str, Any] = found
    return resolved


@cache
def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    found["components"] = _strict(found["components"])
    return found
