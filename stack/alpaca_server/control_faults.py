"""How a test lets things go wrong at a fake Alpaca: requests, look-ups, connections, the stream."""

from dataclasses import dataclass
from typing import Any, Final

import requests

from stack.alpaca_server.faults import Answer, Fault, Manner
from stack.alpaca_server.values import json_in, json_text

_TIMEOUT_S: Final = 10


class ControlError(Exception):
    """The fake did not do what it was told; says why."""


@dataclass(frozen=True, slots=True)
class FaultControl:
    """The part of `AlpacaControl` that breaks things, with the addresses of the fake."""

    url: str
    control_url: str

    @property
    def stream_url(self) -> str:
        """Where the `trade_updates` websocket is."""
        return self.url.replace("http://", "ws://") + "/stream"

    # -- faults -----------------------------------------------------------------------------------

    def fault(self, answer: Answer, **what: Any) -> None:  # noqa: ANN401 -- the fields of Fault
        """Plan a fault, see `Fault`: by default for the next `POST /v2/orders`."""
        self.say("fault", **Fault(answer=answer, **what).as_json())

    def faults_pending(self) -> int:
        """Return how many planned faults have not happened yet."""
        return int(self.say("faults")["pending"])

    def clear_faults(self) -> None:
        """Forget planned faults, and let hidden orders be found."""
        self.say("faults", clear=True)

    def release(self) -> None:
        """Let go of the requests that hang: their connections are closed."""
        self.say("release")

    def hide(
        self,
        client_order_id: str | None = None,
        *,
        lookups: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Let look-ups not find an order (None: each) so often, or so long after its acceptance."""
        self.say("hide", client_order_id=client_order_id, lookups=lookups, seconds=seconds)

    def refuse_connections(self) -> None:
        """Close the listening socket of Alpaca's paths, and every connection to it."""
        self.say("listener", is_open=False)

    def accept_connections(self) -> None:
        """Open it again, on the same port."""
        self.say("listener", is_open=True)

    # -- the stream -------------------------------------------------------------------------------

    def stream_manner(self, manner: Manner) -> None:
        """Send updates as `usual`, `doubled`, or not: `held` until released, or `lost`."""
        self.say("stream", manner=manner)

    def release_stream(self, *, backwards: bool = False) -> None:
        """Send what was held."""
        self.say("stream_release", backwards=backwards)

    def send_update(self, number: str, data: dict[str, Any]) -> None:
        """Send a message of the test's own making to an account's listeners."""
        self.say("stream_send", number=number, data=data)

    def drop_streams(self, number: str | None = None, *, abruptly: bool = False) -> None:
        """Cut off an account's listeners, or all."""
        self.say("stream_drop", number=number, abruptly=abruptly)

    def open_stream(self, *, is_open: bool) -> None:
        """Let websockets connect again, or turn them away with 503."""
        self.say("stream", is_open=is_open)

    def say(self, name: str, **what: object) -> dict[str, Any]:
        """Send a command to the control plane. Raises ControlError."""
        try:
            answer = requests.post(
                f"{self.control_url}/control/{name}",
                data=json_text(what),
                timeout=_TIMEOUT_S,
            )
        except requests.RequestException as error:
            raise ControlError(f"the fake Alpaca at {self.control_url} is gone: {error}") from error
        found = json_in(answer.text)
        if not isinstance(found, dict) or not answer.ok:
            raise ControlError(f"{name}: {answer.status_code} {answer.text}")
        return found
