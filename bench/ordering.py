"""From a recommendation's append to its order's POST at the broker's door, one at a time."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from statistics import median
from typing import Any, Final

import requests

from bench.dispatching import dispatch_live
from bench.ground import Ground, Publisher
from bench.process import running_task
from bench.results import Figure, percentile
from bench.story import advice
from consumers.clock import SystemClock
from consumers.settings_values import EnvironmentText
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
from events.recommendation import Action
from events.topics import RECOMMENDATIONS
from stack.alpaca_server.control import AlpacaAccount, AlpacaControl
from stack.alpaca_server.running import running_alpaca
from stack.up import StackAddresses

_ACCOUNT: Final = AccountName("real")
_PAUSE_S: Final = 0.1
_WARM_UP: Final = 6
_REQUESTS_A_MINUTE: Final = 1_000_000
_WITHIN_S: Final = 10.0
_NS_PER_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class _Sent:
    """An order that was asked for at `began_s` of the wall clock."""

    name: str
    began_s: float


def dispatch_paper(settings: dict[str, Any], key_id: str, secret_key: str) -> None:
    """Dispatch at a fake Alpaca as `dispatch_live` does; keys are told apart, as they are kept."""
    keys = {"key_id": EnvironmentText(key_id), "secret_key": EnvironmentText(secret_key)}
    settings["accounts"][_ACCOUNT]["alpaca"] |= keys
    dispatch_live(settings, _ACCOUNT)


def ordering(addresses: StackAddresses, samples: int) -> Iterator[Figure]:
    """From the append to the POST's arrival at a fake Alpaca, a quote asked for on the way.

    The floor is one transaction of one record, and one POST to the same fake.
    """
    waits, bare = list[float](), list[float]()
    with running_alpaca() as alpaca, Ground.prepared(addresses, _ACCOUNT, "floor") as ground:
        account = _opened(alpaca)
        publisher = Publisher(ground, RECOMMENDATIONS.name)
        settings = _settings(ground, alpaca, account)
        keys = {"key_id": account.key_id, "secret_key": account.secret_key}
        with (
            running_task("dispatch_paper", settings=settings, **keys) as real,
            running_task("bare_transactions", **ground.kafka, account="floor") as floor,
            requests.Session() as session,
        ):
            said = map(json.loads, real.stdout or ())
            answers = map(json.loads, floor.stdout or ())
            list(islice(said, 2))  # AccountOpened and DispatcherStarted
            sent, posted = list[_Sent](), list[_Sent]()
            transactions = list[float]()
            for number in range(_WARM_UP + samples):
                sent.append(_advised(publisher, alpaca, number))
                next(line for line in said if line["decided"])
                time.sleep(_PAUSE_S)  # its outcome is not what is timed
                if floor.stdin is not None:
                    floor.stdin.write("once\n")
                    floor.stdin.flush()
                transactions.append(next(answers)["seconds"])
                posted.append(_post(session, alpaca, account, number))
            real.send_signal(signal.SIGTERM)
            real.wait(30)
        came = {post["client_order_id"]: post["received_at"] / _NS_PER_S for post in alpaca.posts()}
    waits = [came[one.name] - one.began_s for one in sent]
    bare = [
        seconds + came[one.name] - one.began_s
        for seconds, one in zip(transactions, posted, strict=True)
    ]
    figure = partial(Figure, unit="ms")
    for name, of in (("median", median), ("p99", partial(percentile, share=0.99))):
        value, least = of(waits[_WARM_UP:]), of(bare[_WARM_UP:])
        yield figure(name=f"append_to_post.{name}", value=1e3 * value, floor=1e3 * least)


def _opened(alpaca: AlpacaControl) -> AlpacaAccount:
    alpaca.set_hours("open")
    alpaca.rate_limit(_REQUESTS_A_MINUTE)
    alpaca.quote("MSFT", bid="99.98", ask="100.02")
    return alpaca.add_account("PA1", cash="1000000000")


def _settings(ground: Ground, alpaca: AlpacaControl, account: AlpacaAccount) -> dict[str, Any]:
    urls = {"trading_url": alpaca.url, "data_url": alpaca.url, "stream_url": alpaca.stream_url}
    found = ground.settings(mode="ALPACA_PAPER", broker_account_number=account.number, alpaca=urls)
    del found["accounts"]["floor"]
    return found


def _advised(publisher: Publisher, alpaca: AlpacaControl, number: int) -> _Sent:
    ticker = f"T{chr(65 + number // 26 % 26)}{chr(65 + number % 26)}{chr(65 + number // 676)}"
    one = advice(number, ticker, Action.BUY, SystemClock().now(), good=True)
    alpaca.quote(ticker, bid=f"{one.reference_price}", ask=f"{one.reference_price}")
    name = client_order_id(_ACCOUNT, RecommendationId(one.recommendation_id), Leg.ENTRY)
    began_s = time.time_ns() / _NS_PER_S
    publisher.append_one(one)
    return _Sent(name, began_s)


def _post(
    session: requests.Session, alpaca: AlpacaControl, account: AlpacaAccount, number: int
) -> _Sent:
    order = {
        "symbol": "MSFT",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "101",
        "time_in_force": "day",
        "client_order_id": f"floor-{number}",
    }
    began_s = time.time_ns() / _NS_PER_S
    session.post(f"{alpaca.url}/v2/orders", json=order, headers=account.headers, timeout=_WITHIN_S)
    return _Sent(order["client_order_id"], began_s)
