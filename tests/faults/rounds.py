"""One round: trainers log, faults happen, everything comes to rest, and the store is looked at."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from feed import Store

from faults import agenda, kinds, settled, verdict
from faults.cluster import Cluster
from faults.plan import Plan
from faults.trainings import Training
from faults.verdict import Verdict

_BEGIN_SECONDS, _END_SECONDS = 60.0, 120.0
_POLL_SECONDS = 0.02


@dataclass
class Outcome:
    """How a round came out.

    Attributes:
        faults: how many of each kind came to pass.
        seconds: how long it took.
        wrong: what is wrong besides the data, in words.
        fingerprints: by run, what was stored when it was looked at.
    """

    number: int
    faults: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    fingerprints: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not self.verdict.wrong


def play(plan: Plan, cluster: Cluster) -> Outcome:
    """Let a round happen."""
    began = time.monotonic()
    outcome = Outcome(plan.number)
    trainings: list[Training] = []
    ledgers = cluster.folder / f"round-{plan.number}"
    ledgers.mkdir(exist_ok=True)
    while len(cluster.workers()) < 1:  # somebody to take over
        cluster.add_worker()
    try:
        for rank in plan.ranks:
            host = cluster.small if rank.kind == "small" else cluster.hosts[rank.seed % len(cluster.hosts)]
            trainings.append(Training(rank, host, ledgers))
        _begin(trainings)
        courses = [(fault.at, fault.kind, kinds.course(fault, cluster, trainings)) for fault in plan.faults]
        outcome.faults = agenda.follow(courses)
        outcome.wrong += filter(None, (training.wait(_END_SECONDS) for training in trainings))
    finally:
        for training in trainings:
            training.end()
    _judge(plan, cluster, trainings, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def look_again(cluster: Cluster, outcome: Outcome) -> None:
    """See that nobody has changed what a round left: a worker that was frozen may be late."""
    store = Store(cluster.up.clickhouse)
    for run, before in outcome.fingerprints.items():
        if verdict.fingerprint(store, run) != before:
            outcome.wrong.append(f"{run} was changed after the round")
    store.client.close()


def _begin(trainings: Sequence[Training]) -> None:
    """Let all of them log from the same moment on, once they and their shippers are up: faults are to find victims."""
    end = time.monotonic() + _BEGIN_SECONDS
    while not all(training.ready() and training.host.shipper() for training in trainings):
        if time.monotonic() > end:
            raise TimeoutError("a trainer or its shipper does not come up")
        time.sleep(_POLL_SECONDS)
    for training in trainings:
        training.go()


def _judge(plan: Plan, cluster: Cluster, trainings: Sequence[Training], outcome: Outcome) -> None:
    runs = sorted({rank.run for rank in plan.ranks})
    hosts = [*cluster.hosts, cluster.small]
    for program in ("kafka", "clickhouse", "stream"):
        for wait in cluster.ready(program):
            time.sleep(wait)
    outcome.wrong += filter(None, [settled.spools(hosts, runs, cluster.up.kafka), settled.topics(cluster.up.kafka)])
    if buried := settled.buried(cluster.up.kafka):
        outcome.wrong.append(f"{buried} dead letters")
    store = Store(cluster.up.clickhouse)
    verdicts = []
    for run in runs:
        its = [training for training in trainings if training.rank.run == run]
        told = settled.dropped(cluster.up.kafka, run) if its[0].rank.kind == "small" else None
        verdicts.append(verdict.of(store, cluster.up.server, its, told))
        outcome.fingerprints[run] = verdict.fingerprint(store, run)
        state = store.client.query("SELECT state FROM runwire.runs WHERE id = {run:String}", {"run": run}).result_rows
        if state != [("finished",)]:
            outcome.wrong.append(f"{run} is {state}, not finished")
    store.client.close()
    outcome.verdict = reduce(add, verdicts)
