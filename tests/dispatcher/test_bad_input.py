"""What cannot be decoded, or names nonsense, and bugs: each costs itself and nothing else."""

from dataclasses import replace
from decimal import Decimal

from events.decision import RecommendationFailed, Stage
from events.topics import RECOMMENDATIONS
from tests.dispatcher.world import World, ends, fresh_advice, intents


def test_a_record_that_is_no_recommendation_becomes_a_dead_letter_of_its_raw_bytes(
    world: World,
) -> None:
    # given: nonsense between two good recommendations
    account = world.open_account()
    negative = world.codec.encode(replace(fresh_advice(7), reference_price=Decimal(-1)))
    truncated = world.codec.encode(fresh_advice(8))[:-3]
    poison = [b"", b"hello", b"\x00\xff\xff\xff\xffwhat", negative, truncated]
    world.publish(fresh_advice(1))
    world.append(RECOMMENDATIONS.name, *poison)
    world.publish(fresh_advice(2, ticker="AAPL"))

    # when
    world.catch_up(account)

    # then: each is kept as it was; the good ones never noticed
    assert ends(world.log(account)) == {1: 1, 2: 1}
    assert world.dead_letters() == poison

    # and: a dispatcher started again finds nothing more to do
    world.catch_up(account)
    assert world.dead_letters() == poison


def test_a_record_as_large_as_kafka_takes_becomes_a_dead_letter_and_blocks_nobody(
    world: World,
) -> None:
    # given: a foreign record just under Kafka's usual limit, advice behind it
    account = world.open_account()
    huge = b"x" * 1_000_000
    world.append(RECOMMENDATIONS.name, huge)
    world.publish(fresh_advice(1))

    # when
    world.catch_up(account)

    # then
    assert world.dead_letters() == [huge]
    assert ends(world.log(account)) == {1: 1}


def test_an_account_opened_at_one_broker_account_speaks_for_no_other(world: World) -> None:
    # given: an account that was opened
    account = world.open_account()
    world.catch_up(account)
    before = world.log(account)

    # when: its configuration names another broker account
    text = world.config.read_text()
    world.config.write_text(text.replace("preset =", 'broker_account_number = "other"\npreset ='))
    running = world.start(account, until_caught_up=True)

    # then: it is refused in words, and nothing is written
    assert running.exit_code() == 3
    assert "was opened with broker account" in running.said()
    assert world.log(account) == before


def test_an_event_that_has_no_place_in_the_recommendations_becomes_a_dead_letter(
    world: World,
) -> None:
    # given
    account = world.open_account()
    world.publish(fresh_advice(1))
    world.catch_up(account)
    stray = world.codec.encode(intents(world.log(account))[0])
    world.append(RECOMMENDATIONS.name, stray)

    # when
    world.catch_up(account)

    # then
    assert world.dead_letters() == [stray]


def test_a_bug_in_decide_fails_its_recommendations_and_no_other(world: World) -> None:
    # given: a bug that strikes at one ticker
    account = world.open_account()
    tickers = ["KO", "BUG", "PEP", "BUG", "JNJ"]
    world.publish(
        *(fresh_advice(number, ticker=ticker) for number, ticker in enumerate(tickers, start=1))
    )

    # when
    running = world.start(account, bug_in="BUG", until_caught_up=True)
    assert running.exit_code() == 0

    # then: each of its recommendations failed in words, all others went on
    events = world.log(account)
    failures = [event for event in events if isinstance(event, RecommendationFailed)]
    assert [failure.envelope.recommendation_id for failure in failures] == [2, 4]
    assert {failure.error for failure in failures} == {"ZeroDivisionError: a bug was planted here"}
    assert {failure.stage for failure in failures} == {Stage.DECIDE}
    assert ends(events) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}
    assert len(world.ledger(account)) == 3


def test_ten_failures_in_a_row_over_three_tickers_halt_the_account(world: World) -> None:
    # given: a bug that strikes at everything
    account = world.open_account()
    tickers = ["KO", "PEP", "JNJ"] * 4
    advice = [fresh_advice(number, ticker=ticker) for number, ticker in enumerate(tickers, start=1)]
    world.publish(*advice)

    # when
    running = world.start(account, bug_in="*", until_caught_up=True)
    assert running.exit_code() == 0

    # then: the account stands still, and says why
    state = world.state(account)
    assert state.trading.status == "HALTED"
    assert "10 recommendations failed in a row, over 3 tickers" in state.trading.reason

    # and: advice that comes later, without the bug, is declined for it
    world.publish(fresh_advice(100))
    world.catch_up(account)
    assert world.state(account).ends.declined == 1


def test_a_recommendation_that_is_redelivered_places_no_second_order(world: World) -> None:
    # given
    account = world.open_account()
    advice = fresh_advice(1)
    world.publish(advice)
    world.catch_up(account)

    # when: the same advice is published again, twice
    world.publish(advice, advice)
    world.catch_up(account)

    # then
    assert ends(world.log(account)) == {1: 1}
    assert len(world.ledger(account)) == 1
