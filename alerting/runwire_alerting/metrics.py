"""What alerting counts of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from runwire_alerting.notifiers.receiver import Receiver
    from runwire_alerting.watch import Watch

ALERTS = Counter(
    "runwire_alerting_alerts", "States that alerts were told to have taken, by rule and state.", ["rule", "state"]
)
_BLIND_PARTITIONS = Gauge(
    "runwire_alerting_blind_partitions",
    "Partitions of which the worker does not see everything, so that it tells of no silence in them.",
)
BLIND_SECONDS = Gauge(
    "runwire_alerting_blind_seconds", "For how long the worker has not seen everything; 0 while it does."
)
_FIRING = Gauge("runwire_alerting_firing", "Alerts that are firing, of the worker's runs, by rule.", ["rule"])
NOTICES = Counter(
    "runwire_alerting_notices",
    "Notices offered to a receiver, by what came of it: taken, refused (and offered again), given_up.",
    ["receiver", "outcome"],
)
_NOTICES_WAITING = Gauge("runwire_alerting_notices_waiting", "Notices that a receiver has not taken yet.", ["receiver"])
NOTICE_SECONDS = Histogram(
    "runwire_alerting_notice_seconds",
    "From an alert's change to its receiver's taking the notice.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
PINGS = Counter(
    "runwire_alerting_pings",
    "Times that the dead man's switch was told that all is well, by what came of it: taken, refused.",
    ["outcome"],
)
_RANKS = Gauge("runwire_alerting_ranks", "Processes of runs that the worker watches and that have not ended.")
RULE_FAULTS = Counter(
    "runwire_alerting_rule_faults", "Failures of a rule's own, by rule: please report them.", ["rule"]
)
_SPOOL_WAITING_BYTES = Gauge(
    "runwire_alerting_spool_waiting_bytes",
    "Bytes that wait in the spools of those processes' hosts, as their last pulses told.",
)


def tell(watch: Watch, receivers: Iterable[Receiver], blind: int) -> None:
    """Note what holds now; called about once a second.

    Args:
        watch: the runs and their alerts.
        receivers: who is told of them.
        blind: how many partitions are not in sight.
    """
    living = [rank.waiting_bytes for rank in watch.health if rank.ended is None]
    _RANKS.set(len(living))
    _SPOOL_WAITING_BYTES.set(sum(living))
    _BLIND_PARTITIONS.set(blind)
    firing = watch.firing()
    told = {sample.labels["rule"] for family in _FIRING.collect() for sample in family.samples}
    for rule in told - firing.keys():
        _FIRING.remove(rule)  # else what held when a rule was turned off would be told for ever
    for rule, count in firing.items():
        _FIRING.labels(rule).set(count)
    waiting: dict[str, int] = {}
    for receiver in receivers:  # two may be of one host, which is all that is told of an address
        waiting[receiver.place] = waiting.get(receiver.place, 0) + receiver.waiting
    for place, count in waiting.items():
        _NOTICES_WAITING.labels(place).set(count)
