"""What came back from an order's POST: as facts to classify, and in words where it is no answer."""

from http import HTTPStatus
from typing import Any

from brokers.alpaca.bodies import ErrorBody, order_report, read
from brokers.alpaca.classify import Outcome, PostAnswer, Verdict, classify
from brokers.alpaca.transport import Reply, said
from brokers.broker import OrderReport
from brokers.errors import DuplicateOrder, OrderNotAccepted, OrderOutcomeUnclear, OrderRefused
from events.identifiers import ClientOrderId


def accepted(reply: Reply, name: ClientOrderId) -> OrderReport:
    """Return the order that was POSTed under `name`, if it was accepted.

    Raises:
        What `Broker.submit` raises.
    """
    found = None if reply.breakage is not None else reply.json()
    report = order_report(found)
    ours = report is not None and report.client_order_id == name
    answer = _answer(reply, found, is_our_order=ours)
    verdict = classify(answer)
    if verdict.outcome is Outcome.ACCEPTED and report is not None:
        return report
    if verdict.outcome is Outcome.UNKNOWN:
        raise OrderOutcomeUnclear(f"{_oddness(reply, found, name)}{said(reply)}")
    raise _error(verdict, answer, reply)


def _answer(reply: Reply, found: Any, *, is_our_order: bool) -> PostAnswer:  # noqa: ANN401 -- a foreign body
    error = read(ErrorBody, found)
    reset = reply.headers.get("x-ratelimit-reset", "")
    return PostAnswer(
        status=reply.status,
        code=error.code if error else None,
        message=error.message if error else said(reply),
        is_our_order=is_our_order,
        is_error_body=error is not None,
        rate_limit_reset=int(reset) if reset.isascii() and reset.isdigit() else None,
        breakage=reply.breakage,
    )


def _error(verdict: Verdict, answer: PostAnswer, reply: Reply) -> Exception:
    match verdict.outcome:
        case Outcome.REFUSED:
            return OrderRefused(
                answer.message,
                rejection_class=verdict.rejection_class,
                status=answer.status,
                code=answer.code,
            )
        case Outcome.DUPLICATE:
            return DuplicateOrder(answer.message)
        case _:
            return OrderNotAccepted(said(reply))


def _oddness(reply: Reply, found: Any, name: ClientOrderId) -> str:  # noqa: ANN401 -- as above
    """Return in words what is wrong with an answer; empty where what it says is enough."""
    if reply.status is None or not reply.body.strip():
        return ""
    if not HTTPStatus(200) <= reply.status < HTTPStatus(300):
        refused = reply.status < HTTPStatus(500) and found is not None
        return "refused, though not as the broker does: " if refused else ""
    if found is None:
        cut = reply.body.lstrip().startswith((b"{", b"["))
        return "answered with cut JSON: " if cut else "answered with no JSON: "
    other = found.get("client_order_id") if isinstance(found, dict) else None
    if other is None:
        return "answered with no order: "
    order = "an order that makes no sense" if other == name else "another order"
    return f"answered with {order}: "
