"""A world in which everything has happened, and what verify finds in any."""

from consumers.projector.verify import verify
from consumers.projector.verify_case import Verified
from events.identifiers import AccountName
from projections.catalog import PROJECTIONS
from projections.verify.compare import Difference
from tests.projections.driving import rows
from tests.projections.lives import LIVES
from tests.projections.projecting import Running, World, executed
from tests.projections.story import OPTION, Log, recommendation


def eventful(account: str) -> Log:
    log = Log(AccountName(account))
    for number, life in enumerate(LIVES, start=1):
        life(log, number)
    log.intended(20, option=OPTION, quantity="2")
    log.filled(20, "2", "5.2", option=OPTION)
    return log


def everything(world: World) -> None:
    world.write(eventful("tiny"))
    world.write_raw("recommendations", world.codec.encode(recommendation(1)))
    world.write_raw("dispatch.dead-letters", b"\x00\xff", {"dlq.reason": b"undecodable"})
    world.catch_up()


def verified(world: World) -> list[Verified]:
    return verify(world.cluster, world.codec, world.database, PROJECTIONS)


def found(world: World) -> list[Difference]:
    return [difference for one in verified(world) for difference in one.differences]


def require_nothing_parked_and_all_there(world: World, running: Running, trades: int) -> None:
    running.wait_until(lambda _: len(executed(world.database)) == trades)
    running.wait_until(lambda progress: progress.caught_up)
    assert running.errors == []
    assert rows(world.database, "parked_events") == []
    assert found(world) == []
