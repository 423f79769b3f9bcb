"""HTTP to Alpaca, hardened: every call bounded in time, no request ever sent twice.

alpaca-py as it comes repeats a POST on 429 and 504, knows no time-out and throws on an empty or
malformed body after the order was accepted. Its models are used; its way of sending is not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from requests import ConnectionError as BrokenConnection
from requests import (
    ConnectTimeout,
    PreparedRequest,
    ReadTimeout,
    RequestException,
    Response,
    Session,
)
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError

from brokers.alpaca.bodies import ErrorBody, exact_json, read
from brokers.alpaca.classify import Breakage, refuses_key, refuses_question, says_absent
from brokers.alpaca.connection import Adapter, bounded
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.rate import RateBudget
from brokers.broker import LastWord, anything_goes
from brokers.errors import BrokerUnavailable, CredentialsRefused, QuestionRefused

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one request came to: a whole answer, or how it broke. Header names are lower case."""

    status: int | None = None
    headers: Mapping[str, str]
    body: bytes = b""
    breakage: Breakage | None = None
    why: str = ""

    def json(self) -> Any:  # noqa: ANN401 -- a foreign body
        """Return the body read as JSON, numbers exact, None where it is none.

        NaN and infinities are no JSON and make the whole body none.
        """
        try:
            return exact_json(self.body)
        except (ValueError, RecursionError):
            return None


class HardenedSession(Session):
    """A session for alpaca-py's clients, too: one attempt is one request, within a deadline.

    `deadline_s` bounds the whole of a request, from the resolution of the host's name to the last
    byte of the body.
    """

    def __init__(self, deadline_s: float) -> None:
        super().__init__()
        self.deadline_s: Final = deadline_s
        self._surroundings: dict[str, Any] = {}
        # An auth of its own also keeps requests from looking for other credentials in ~/.netrc.
        self.auth = _NoMoreHeaders()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Adapter())

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> Response:  # type: ignore[override]  # noqa: ANN401 -- as requests has them
        """Send one request; see `requests.Session.request`, whose defaults wait for ever.

        `last_word` is called before its first byte; what it raises is raised, and nothing was sent.
        """
        last_word: LastWord = options.pop("last_word", anything_goes)
        options["timeout"] = self.deadline_s  # the connection knows better how much of it is left
        options["allow_redirects"] = False
        options["stream"] = True
        with bounded(self.deadline_s, last_word):
            response = super().request(method, url, **options)
            try:
                response._content = _whole_body(response)  # noqa: SLF001 -- what `.content` would read without end
            finally:
                response.close()
        return response

    def merge_environment_settings(self, url: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401 -- as requests has it
        """Return proxies and certificates of the environment, looked for once for each host.

        requests goes through the whole environment at each request: a third of its own time. All
        that is `given` here is the same each time.
        """
        host = urlsplit(url)._replace(path="", query="", fragment="").geturl()
        if host not in self._surroundings:
            self._surroundings[host] = super().merge_environment_settings(url, *given, **named)
        found = self._surroundings[host]
        return {**found, "proxies": dict(found["proxies"])}


class AlpacaHttp:
    """One account's way to Alpaca's trading API."""

    def __init__(
        self, url: str, credentials: Credentials, deadline_s: float, budget: RateBudget
    ) -> None:
        """Talk to `url`, such as ``https://paper-api.alpaca.markets``; nothing is sent yet."""
        self.budget: Final = budget
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._session = HardenedSession(deadline_s)
        self._session.auth = _KeyHeaders(credentials)
        self._host = urlsplit(url).netloc

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: object = None,
        last_word: LastWord = anything_goes,
    ) -> Reply:
        """Send one request and return what it came to; never raises for what the network does.

        `last_word` is called once the connection stands, before the first byte: what it raises is
        raised here, and nothing was sent.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        self.budget.sending()
        try:
            response = self._session.request(
                method,
                self._url + path,
                params=parameters,
                data=data,
                headers=headers,
                last_word=last_word,
            )
        except (RequestException, OSError) as error:
            broke = Breakage.NEVER_CONNECTED if _never_left(error) else Breakage.BROKE_OFF
            return Reply(headers={}, breakage=broke, why=in_words(error))
        told = {name.lower(): value for name, value in response.headers.items()}
        self.budget.told(told)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self.budget.exhausted(told)
        body = self._credentials.removed_from(response.content)
        return Reply(status=response.status_code, headers=told, body=body)

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 -- a foreign body
        """Return a question's answer as JSON, None where Alpaca says that there is no such thing.

        Raises:
            BrokerUnavailable: No answer could be had, or one that is no JSON; `QuestionRefused`
                where it refuses this question, `CredentialsRefused` where our key is not known.
        """
        reply = self.send("GET", path, parameters=parameters)
        found = reply.json()
        error = read(ErrorBody, found)
        if error is not None:  # said by the broker itself, not by somebody in between
            if says_absent(reply.status, error.code, error.message):
                return None
            if refuses_key(reply.status, error.code, error.message):
                raise CredentialsRefused(f"{self._host} does not know this key: {said(reply)}")
            if refuses_question(reply.status):
                raise QuestionRefused(f"{self._host}{path} refuses to answer: {said(reply)}")
        if reply.status != HTTPStatus.OK or found is None:
            raise BrokerUnavailable(f"{self._host}{path} gives no answer: {said(reply)}")
        return found

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()


def said(reply: Reply) -> str:
    """Return what a reply was, in one line for a person: never a header, which may hold a key."""
    if reply.breakage is not None:
        return reply.why
    text = " ".join(reply.body[:300].decode("utf-8", "replace").split())
    return f"HTTP {reply.status} {text or '(empty body)'}"


def in_words(error: BaseException) -> str:
    """Return how a request broke, for a person: without a URL, which may name an account."""
    if isinstance(error, ConnectTimeout):
        return "no connection in time"
    if isinstance(error, ReadTimeout):
        return "no answer in time"
    inner: BaseException = error
    while inner.args and isinstance(inner.args[-1], BaseException):  # as requests wraps urllib3
        inner = inner.args[-1]
    if isinstance(inner, ReadTimeoutError):
        return "the answer did not end in time"
    if isinstance(inner, MaxRetryError) and inner.reason is not None:
        inner = inner.reason
    said = (getattr(inner, "strerror", None) or str(inner)).partition("url:")[0]
    how = "no connection" if _never_left(error) else "the connection broke off"
    return f"{how}: {said.rpartition('[Errno')[2].partition('] ')[2].rstrip(')') or said}"[:300]


class _NoMoreHeaders(AuthBase):
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


class _KeyHeaders(AuthBase):
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["APCA-API-KEY-ID"] = self._credentials.key_id.get_secret_value()
        request.headers["APCA-API-SECRET-KEY"] = self._credentials.secret.get_secret_value()
        return request


def _whole_body(response: Response) -> bytes:
    parts, size = list[bytes](), 0
    for chunk in response.iter_content(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise RequestException(f"its body is longer than {BODY_BYTES_MAX} bytes")
    return b"".join(parts)


def _never_left(error: BaseException) -> bool:
    """Whether no byte can have reached the other side: there was no connection at all."""
    if isinstance(error, ConnectTimeout):
        return True
    if not isinstance(error, BrokenConnection) or not error.args:
        return False
    cause = error.args[0]
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError)
