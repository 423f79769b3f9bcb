"""A recorded decision held against what this build decides from the same inputs."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.again import decided_again
from consumers.as_of import account_as_of
from consumers.cluster import Cluster
from consumers.settings_limits import limits_from_json
from consumers.story import Told
from events.codec import Codec
from events.decision import GateResult, RecommendationDeclined
from events.identifiers import AccountName
from events.order import OrderIntended
from events.recommendation import RecommendationIssued


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChanged:
    """A gate that says something else by now; None: one of the two builds does not ask it."""

    gate: str
    then: GateResult | None
    now: GateResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Whether a decision comes out the same `to_the_byte`, and which gates do not.

    `fault` says why it could not be taken again.
    """

    to_the_byte: bool = False
    gates: tuple[GateChanged, ...] = ()
    fault: str | None = None


def taken_again(
    cluster: Cluster,
    codec: Codec,
    account: AccountName,
    decision: OrderIntended | RecommendationDeclined,
    issued: tuple[Told, ...],
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> Again:
    """Decide again from the account's log up to what `decision` had seen, under its run's limits.

    Raises:
        ConfigurationError: The log, or the limits on it, cannot be read by this build.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    source = decision.envelope.source
    advice = next(
        (one.event for one in issued if source is not None and one.offset == source.offset), None
    )
    if not isinstance(advice, RecommendationIssued):
        return Again(fault="the recommendation that it answered is not in its topic any more")
    folded = account_as_of(cluster, account, codec, decision.seen.log, on_progress)
    if folded is None or folded.state.version is None:
        return Again(fault="the log does not say which limits it was decided under")
    limits = limits_from_json(folded.state.version.limits)
    found = decided_again(decision, folded.state, advice, limits)
    if found is None:
        return Again(fault="the account had decided it before: this is a repetition")
    return Again(
        to_the_byte=codec.encode(found) == codec.encode(decision),
        gates=tuple(_changed(decision.gates, found.gates)),
    )


def _changed(then: tuple[GateResult, ...], now: tuple[GateResult, ...]) -> list[GateChanged]:
    before, after = ({one.gate: one for one in gates} for gates in (then, now))
    return [
        GateChanged(gate=gate, then=before.get(gate), now=after.get(gate))
        for gate in dict.fromkeys([*before, *after])
        if before.get(gate) != after.get(gate)
    ]
