"""One round: runs go wrong, faults happen to those who watch, everything comes to rest, and all is compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from feed import Store

from faults import agenda, settled
from faults.alerts import verdict
from faults.alerts.plan import STORIES, Plan
from faults.alerts.verdict import Verdict
from faults.alerts.watchers import Watchers
from faults.cluster import Host
from runwire.wire import EVENTS, PULSE
from runwire_alerting.worker import GROUP

_PATIENCE_SECONDS = 150.0
_POLL_SECONDS = 0.2


@dataclass
class Outcome:
    """How a round came out.

    Attributes:
        faults: how many of each kind came to pass.
        verdicts: by kind of story.
        seconds: how long it took.
        wrong: what is wrong besides, in words.
    """

    faults: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> Verdict:
        """All of them together."""
        return reduce(add, self.verdicts.values(), Verdict())

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not self.total.wrong


def play(plan: Plan, its: Watchers) -> Outcome:
    """Let a round happen."""
    began = time.monotonic()
    outcome = Outcome()
    stories = [(story.at, story.kind, its.train(story)) for story in plan.stories]
    faults = [(fault.at, fault.kind, its.suffer(fault)) for fault in plan.faults]
    happened = agenda.follow([*stories, *faults])
    outcome.faults = Counter({kind: count for kind, count in happened.items() if kind not in STORIES})
    store = Store(its.up.clickhouse)
    try:
        _settle(its)
        _wait(store, its, plan)
        # Whoever begins anew reads back what was told, and tells of nothing of that once more but under its key.
        pid = its.up.kill("alerting")
        assert its.up.pid("alerting") != pid
        _settle(its)
        _wait(store, its, plan)
        _judge(store, its, plan, outcome)
    finally:
        store.client.close()
    outcome.wrong = its.wrong
    outcome.seconds = time.monotonic() - began
    return outcome


def _settle(its: Watchers) -> None:
    """Wait until all that the runs said was handled, by alerting and by the stream."""
    for wait in its.ready("alerting"):
        time.sleep(wait)
    runs: Iterable[str] = [path.name for path in its.up.home.glob("spool/*/*") if path.is_dir()]
    kafka = its.up.kafka
    its.wrong += filter(
        None,
        [
            settled.spools([Host(its.up.home)], sorted(set(runs)), kafka),
            settled.topics(kafka, GROUP, (PULSE, EVENTS)),
            settled.topics(kafka),
        ],
    )
    if buried := settled.buried(kafka):
        its.wrong.append(f"{buried} dead letters")


def _wait(store: Store, its: Watchers, plan: Plan) -> None:
    """Wait until nothing is missing, or for as long as whoever retries may take."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        found = verdict.of(store, its.hook, plan.stories)
        if not found.lost and not found.missing:
            return
        time.sleep(_POLL_SECONDS)


def _judge(store: Store, its: Watchers, plan: Plan, outcome: Outcome) -> None:
    for kind in STORIES:
        stories = [story for story in plan.stories if story.kind == kind]
        if stories:
            outcome.verdicts[kind] = verdict.of(store, its.hook, stories)
    runs = {story.run for story in plan.stories}
    strangers = [row["run"] for row in verdict.history(store) if row["run"] not in runs]
    if strangers:
        its.wrong.append(f"alerts of runs that there were not: {strangers}")
