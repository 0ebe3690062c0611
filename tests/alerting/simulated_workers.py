"""The alerting workers of a simulated day, and the topics between them and the runs."""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from zlib import crc32

from simulated_day import COARSE, DAY, OUTAGE, RULES, Day, Record
from timeline import SETTINGS, micros

from runwire.wire import Alert
from runwire_alerting import memory, rulesfile
from runwire_alerting.health import Rank
from runwire_alerting.rules import rules
from runwire_alerting.watch import Watch

PARTITIONS, WORKERS, STRIDE, STRIKES = 40, 40, 600, 20
#: What a new worker reads back, and what it reads twice because it was not committed, seconds.
WINDOW, UNCOMMITTED = 120, 5
#: The longest that it takes until a rank that lives is kept anew.
_KEPT_AGAIN = COARSE + 3 * memory.SECONDS

_Place = tuple[int, bytes]


class Cluster:
    """The workers, and the topics between them and the runs. What happens has a time, and to whom.

    Args:
        seed: of who gets which partition.
        loads: by worker, when it is to begin anew.
    """

    def __init__(self, seed: int, loads: dict[int, list[float]]) -> None:
        self.random = random.Random(seed)
        self.rules = rules(SETTINGS, rulesfile.read(RULES, "-"))
        self.published: list[Alert] = []
        #: The compacted topics: of alerts by id, and what is kept of ranks by partition and key.
        self.alerts: dict[str, Alert] = {}
        self.memory: dict[_Place, bytes] = {}
        #: What was kept and is not written yet: only what somebody reads is.
        self.unwritten: dict[_Place, Rank] = {}
        self.loads = loads
        self.recent: dict[int, list[tuple[float, Record]]] = defaultdict(list)
        self.owner: dict[int, int] = {}
        self.watches: dict[int, Watch] = {}
        self.since: dict[int, float] = {}
        #: What came while all workers were away; None while they are not.
        self.backlog: list[tuple[float, Record]] | None = None
        self.rebalance(0)

    def rebalance(self, now: float, _: object = None) -> None:
        """Give each partition to some worker, all of which begin anew."""
        places = list(range(PARTITIONS))
        self.random.shuffle(places)
        self.owner = {place: number % WORKERS for number, place in enumerate(places)}
        for worker in range(WORKERS):
            self.kill(now, worker)

    def kill(self, now: float, worker: int) -> None:
        """Start a worker in place of one that was killed, see `runwire_alerting.worker.Alerting._load`."""
        watch = self.watches[worker] = Watch(self.rules)
        mine = {place for place, owner in self.owner.items() if owner == worker}
        for alert in self.alerts.values():
            (watch.book.fold if partition(alert.run) in mine else watch.book.hear)(alert)
        for at, rank in [(at, rank) for at, rank in self.unwritten.items() if at[0] in mine]:
            self.memory[at] = memory.encode(rank)
            del self.unwritten[at]
        for (place, _), value in self.memory.items():
            if place in mine:
                watch.restore(value, place, micros(now))
        for oldest in (now - WINDOW - UNCOMMITTED, now - UNCOMMITTED):  # read back; handled, and not committed
            for place in mine:
                for at, record in self.recent[place]:
                    if at > oldest:
                        self._publish(worker, watch.read([(record, place)], micros(now)))
        self.since[worker] = now + 2

    def leave(self, _: float, __: object) -> None:
        """Have all workers go away."""
        self.backlog = []

    def come_back(self, now: float, _: object) -> None:
        """Have other workers come in their place, who read what was left."""
        backlog, self.backlog = self.backlog or [], None
        self.rebalance(OUTAGE[0])
        for at, record in backlog:
            self.read(at, record, now)
        self.since = dict.fromkeys(range(WORKERS), now + 2)

    def arrive(self, at: float, record: Record) -> None:
        """Have a record arrive."""
        if self.backlog is None:
            self.read(at, record, at)
        else:
            self.backlog.append((at, record))

    def read(self, at: float, record: Record, now: float) -> None:
        """Read a record that came at ``at``."""
        place = partition(record.run)
        kept = self.recent[place]
        kept.append((at, record))
        if len(kept) > 200 and kept[100][0] < at - WINDOW - UNCOMMITTED:
            del kept[:100]
        # It would have been overwritten before anybody begins anew, see `_keep`.
        self.unwritten.pop((place, f"{record.run}/{record.rank}".encode()), None)
        worker = self.owner[place]
        self._publish(worker, self.watches[worker].read([(record, place)], micros(now)))

    def strike(self, now: float, run: str) -> None:
        """Let the clock of a run's worker strike, or of all for no run."""
        for worker in [self.owner[partition(run)]] if run else range(WORKERS):
            if self.backlog is None and now >= self.since[worker]:
                seen = {place: micros(self.since[worker]) for place, owner in self.owner.items() if owner == worker}
                watch = self.watches[worker]
                self._publish(worker, watch.tick(micros(now), seen))
                for rank in watch.gone:
                    at = rank.partition, memory.key(rank)
                    self.memory.pop(at, None)
                    self.unwritten.pop(at, None)
                for id_ in watch.forgotten:
                    del self.alerts[id_]

    def keep(self, now: float, _: object) -> None:
        """Have all workers keep what they have learnt, as `runwire_alerting.worker.Alerting._keep` does."""
        for worker in range(WORKERS) if self.backlog is None else ():
            self._keep(worker, now)

    def _keep(self, worker: int, now: float) -> None:
        """Keep what one has learnt.

        To write a rank's record takes as long as to judge ten of its pulses. So it is written at once where the worker
        begins anew before the rank is kept once more, else when the rank stays as it is until somebody begins anew.
        """
        watch, loads = self.watches[worker], self.loads[worker]
        following = loads[bisect_right(loads, now)] if loads and loads[-1] > now else math.inf
        for rank in memory.due(watch.health, micros(now)):
            at = rank.partition, memory.key(rank)
            if following - now < _KEPT_AGAIN:
                self.memory[at] = memory.encode(rank)
                self.unwritten.pop(at, None)
            else:
                self.unwritten[at] = rank

    def _publish(self, worker: int, alerts: list[Alert]) -> None:
        for alert in alerts:
            self.published.append(alert)
            self.alerts[alert.id] = known = Alert.parse(alert.encode())
            for other, watch in self.watches.items():  # all read what is about hosts, which have runs everywhere
                if other != worker:
                    watch.book.hear(known)


def partition(run: str) -> int:
    """Return where a run's records lie."""
    return crc32(run.encode()) % PARTITIONS


def harm(day: Day, seed: int) -> list[tuple[float, int | None]]:
    """Return when which worker is killed, or all are assigned anew; most in the minute after a mishap."""
    chance = random.Random(seed)
    kills = [chance.uniform(0, DAY) for _ in range(40)]
    kills += [begin + 10 + chance.uniform(0, 60) for begin, _, _ in chance.sample(day.close, 80)]
    kills += [chance.uniform(begin, end) for begin, end, _ in chance.sample(day.close, 80)]
    found: list[tuple[float, int | None]] = [(at, number % WORKERS) for number, at in enumerate(kills)]
    found += [(chance.uniform(0, DAY), None) for _ in range(6)]
    return [one for one in found if not OUTAGE[0] < one[0] < OUTAGE[1]]


def simulate(day: Day, seed: int) -> list[Alert]:
    """Return all alerts that are published in a day, in order."""
    harmed = harm(day, seed)
    everybody = [at for at, worker in harmed if worker is None] + [OUTAGE[1]]
    loads = {one: sorted(everybody + [at for at, worker in harmed if worker == one]) for one in range(WORKERS)}
    cluster = Cluster(seed, loads)
    strikes = {(float(at), "") for at in range(0, DAY, STRIDE)}
    for begin, end, run in day.close:
        strikes |= {(float(at), run) for at in range(int(begin) // STRIKES * STRIKES, int(end) + STRIKES, STRIKES)}
    happenings: list[tuple[float, Callable[[float, Any], None], Any]] = [
        *((at, cluster.strike, run) for at, run in strikes),
        *((float(at), cluster.keep, None) for at in range(0, DAY, memory.SECONDS)),
        *((at, cluster.rebalance if worker is None else cluster.kill, worker) for at, worker in harmed),
        (OUTAGE[0], cluster.leave, None),
        (OUTAGE[1], cluster.come_back, None),
    ]
    arriving = ((at, cluster.arrive, record) for at, record in day.records())
    for at, happens, to in heapq.merge(
        arriving, sorted(happenings, key=lambda item: item[0]), key=lambda item: item[0]
    ):
        happens(at, to)
    return cluster.published
