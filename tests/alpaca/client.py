"""A plain client of Alpaca's HTTP API, judged by Alpaca's documents at every step."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import requests

from stack.alpaca_server.control import AlpacaAccount, AlpacaControl
from tests.alpaca import official


@dataclass(slots=True)
class Client:
    """Speaks for one account; `checked` is off for what is meant to be no valid request."""

    alpaca: AlpacaControl
    account: AlpacaAccount
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def number(self) -> str:
        return self.account.number

    def send(
        self,
        method: str,
        path: str,
        *,
        checked: bool = True,
        timeout_s: float = 5,
        **more: Any,  # noqa: ANN401 -- what requests takes
    ) -> requests.Response:
        answer = self.session.request(
            method,
            self.alpaca.url + path,
            headers=self.account.headers,
            timeout=timeout_s,
            **more,
        )
        if checked:
            official.check(answer)
        return answer

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 -- any JSON
        answer = self.send("GET", path, params=query)
        assert answer.ok, answer.text
        return json.loads(answer.text, parse_float=Decimal)

    def post(self, **order: object) -> requests.Response:
        return self.send("POST", "/v2/orders", json=order_body(**order))

    def place(self, name: str, **order: object) -> dict[str, Any]:
        answer = self.post(client_order_id=name, **order)
        assert answer.ok, answer.text
        placed: dict[str, Any] = answer.json()
        return placed

    def find(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/v2/orders:by_client_order_id", client_order_id=name)
        return found

    def cancel(self, order: dict[str, Any]) -> requests.Response:
        return self.send("DELETE", f"/v2/orders/{order['id']}")

    def refusal(self, **order: object) -> tuple[int, int, str]:
        """Return status, code and message of an order that is refused."""
        answer = self.post(**order)
        assert not answer.ok, answer.text
        body = answer.json()
        return answer.status_code, body["code"], body["message"]


def order_body(**order: object) -> dict[str, Any]:
    """Return an order of one share of AAPL at 101, less what is None, plus what is said."""
    usual = {
        "symbol": "AAPL",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "101",
        "time_in_force": "day",
    }
    if order.get("type") == "market":
        del usual["limit_price"]
    whole = {**usual, **order}
    return {name: value for name, value in whole.items() if value is not None}
