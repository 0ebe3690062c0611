"""A day of a thousand runs, on an accelerated clock: exactly the alerts that the day's mishaps ask for, each once.

Everything is drawn from one seed: crashes, stalls, NaNs, dead hosts with several runs each, ranks that stand still,
preemptions, restarts by a launcher, crash loops; besides, what must not be told of: promised pauses, hosts whose clocks
are wrong by seconds or hours, all workers killed and started anew again and again, rebalances, and half an hour in
which no worker reads. The workers are what `runwire_alerting.worker` is around its `Watch`: a new one takes in the
alerts that were published and the last two minutes of its partitions, and reads on from what was committed, some of it
for the second time.

What is not as in life: a pulse each second of each run would be 86 million. So a run says that its pulses come each
quarter of an hour (``interval``), each second around its own mishaps, and each five or ten while it waits in one; a
worker's clock strikes each three minutes, and each twenty seconds around mishaps of its runs. What is kept of ranks in
a topic is not read back here, so what a crash loop comes to is known to the worker that saw it, and none is killed
between the crashes of one.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from zlib import crc32

from timeline import FINE, SETTINGS, event, micros, nan_loss, pulse
from timeline import told as notices_among

from runwire.wire import Alert, Event, Pulse
from runwire_alerting.rules import rules
from runwire_alerting.watch import Watch

Record = Pulse | Event
SEED = 20
RUNS, RUNS_A_HOST, WIDE, WIDE_RANKS = 1000, 5, 60, 4
DAY, COARSE, STRIKES = 86_400, 900, 20
PARTITIONS, WORKERS = 40, 10
OUTAGE = (43_200, 45_000)
#: What a new worker reads back, and what it reads twice because it was not committed, seconds.
WINDOW, UNCOMMITTED = 120, 5
CRASHES, STALLS, NANS, DEAD_HOSTS, BEHIND, PREEMPTED, HEALED, LOOPS, PHASES = 100, 50, 20, 10, 10, 60, 20, 5, 300

FIRES, HEALS = "firing", "resolved"


@dataclass
class Rank:
    """One process of a run: who it is, and all that is heard of it, as parts that are made when they are due."""

    run: str
    number: int
    host: str
    skew: float
    attempt: float = 0
    parts: list[Iterable[tuple[float, Record]]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def live(self, begin: float, end: float, every: float = 1, progressed: float | None = None, **more: Any) -> None:
        """Live from ``begin`` until before ``end``; it progresses unless told since when it does not."""
        given = {"host": self.host, "interval": float(every), "metrics": {"loss": FINE}, **self.more, **more}
        self.parts.append(self._pulses(begin, end, progressed, self.attempt, given))

    def _pulses(
        self, at: float, end: float, progressed: float | None, attempt: float, given: dict[str, Any]
    ) -> Iterator[tuple[float, Record]]:
        while at < end:
            last = at if progressed is None else progressed
            step = max(round((last - attempt) * 10), 0)
            told = {"step": step, "steps": max(step, 9), "progressed": last + self.skew, **given}
            yield at, pulse(at + self.skew, self.run, self.number, attempt + self.skew, **told)
            at += given["interval"]

    def tell(self, at: float, what: str, **data: Any) -> None:
        """Say that something happened."""
        told = event(at + self.skew, what, run=self.run, rank=self.number, attempt=self.attempt + self.skew,
            place=len(self.parts) + 1, **data)  # fmt: skip
        self.parts.append([(at, told)])

    def die(self, at: float, reason: str = "killed", **data: Any) -> None:
        """Be gone: the shipper says so twice, by an event and a last pulse."""
        self.tell(at, "lost", reason=reason, **data)
        self.live(at, at + 1, alive=False, ended="stopped" if data else "killed")

    def resume(self, at: float) -> None:
        """Begin the next attempt."""
        self.attempt = at
        self.tell(at, "start", project="digits", name="bold-mlp", host=self.host)
        self.live(at + 1, at + 10)


class Day:
    """What happens, and the alerts that must come of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ranks: dict[str, list[Rank]] = {}
        #: By rule and run, the states that its alerts must take, in order.
        self.expected: dict[tuple[str, str], list[str]] = {}
        #: Around these times nothing may be killed (loops), or the clock strikes often: begin, end, run.
        self.loops: list[tuple[float, float, str]] = []
        self.close: list[tuple[float, float, str]] = []
        skews = {host: self.random.choice([0, 0, 2, -3, 3600, -7200]) for host in range(RUNS)}
        for number in range(RUNS):
            run, width = f"run-{number}", WIDE_RANKS if number < WIDE else 1
            hosts = [number if width == 1 else RUNS + 2 * number + rank // 2 for rank in range(width)]
            hosts = [host // RUNS_A_HOST if width == 1 else host for host in hosts]
            self.ranks[run] = [Rank(run, rank, f"node-{host}", skews[host % RUNS]) for rank, host in enumerate(hosts)]
        self._plan()

    def _plan(self) -> None:
        wide = [f"run-{number}" for number in range(WIDE)]
        narrow = [f"run-{number}" for number in range(WIDE, RUNS)]
        hosts = [narrow[at : at + RUNS_A_HOST] for at in range(0, DEAD_HOSTS * RUNS_A_HOST, RUNS_A_HOST)]
        single = narrow[DEAD_HOSTS * RUNS_A_HOST :]
        for runs in hosts:
            self._dead_host(runs)
        self.random.shuffle(single)
        take = iter(single)
        for number in range(CRASHES):
            self._crash(wide[number] if number < 30 else next(take))
        for number in range(STALLS):
            self._stall(wide[30 + number] if number < 15 else next(take))
        for number in range(BEHIND):
            self._behind(wide[45 + number])
        for plan, count in ((self._nan, NANS), (self._preempt, PREEMPTED), (self._heal, HEALED), (self._loop, LOOPS)):
            for _ in range(count):
                plan(next(take))
        for _ in range(PHASES):
            self._phase(next(take))
        for run in [*wide[45 + BEHIND :], *take]:
            self._quiet(run, 0, DAY)

    def _quiet(self, run: str, begin: float, end: float) -> None:
        offset = crc32(run.encode()) % COARSE
        for rank in self.ranks[run]:
            rank.live(max(begin, offset if begin == 0 else begin), end, every=COARSE)

    def _until(self, run: str, at: float, after: float) -> None:
        """Live a usual life until ``at``, told by the second at last; the clock strikes often from then on."""
        self._quiet(run, 0, at - 10)
        for rank in self.ranks[run]:
            rank.live(at - 10, at)
        self.close.append((at - 10, at + after, run))

    def _at(self, *, seen: float = 0) -> int:
        """Draw a time; one that ``seen`` seconds later is not in the outage, where nobody would notice."""
        while True:
            at = self.random.randrange(3600, DAY - 7200)
            if not seen or not OUTAGE[0] - seen - 300 < at < OUTAGE[1] + 300:
                return at

    def _crash(self, run: str) -> None:
        at, ranks = self._at(), self.ranks[run]
        self._until(run, at, 320)
        first = self.random.choice(ranks)
        if self.random.random() < 0.5:
            first.die(at)
        else:
            first.tell(at, "exception", kind="ValueError", message="no")
            first.tell(at + 0.1, "finish", exit_code=1)
        others = [rank for rank in ranks if rank is not first]
        for rank in others:  # they wait for it, until somebody ends them
            rank.live(at, at + 200, every=5, progressed=at)
            rank.die(at + 200)
        self.expected["crash", run] = [FIRES]
        if self.random.random() < 0.6:
            self.expected["crash", run].append(HEALS)
            for rank in ranks:
                rank.resume(at + 300)
            self._quiet(run, at + 310, DAY)

    def _stall(self, run: str) -> None:
        at, hang = self._at(seen=1000), self.random.randrange(200, 600)
        self._until(run, at, hang + 20)
        for rank in self.ranks[run]:
            rank.live(at, at + hang, every=5, progressed=at)
        self.expected["stalled", run] = [FIRES, HEALS]
        if self.random.random() < 0.5:
            self._quiet(run, at + hang, DAY)
        else:
            for rank in self.ranks[run]:
                rank.tell(at + hang, "exception", kind="KeyboardInterrupt", message="")

    def _behind(self, run: str) -> None:
        at = self._at(seen=600)
        self._until(run, at, 220)
        first, *others = self.ranks[run]
        first.live(at, at + 200, progressed=at)
        for rank in others:
            rank.live(at, at + 200)
        self.expected["ranks_disagree", run] = [FIRES, HEALS]
        self._quiet(run, at + 200, DAY)

    def _nan(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, 20)
        rank.live(at, at + 1, metrics={"loss": nan_loss(7, at + rank.skew)})
        rank.live(at + 1, at + 20, metrics={"loss": nan_loss(8, at + rank.skew)})
        rank.tell(at + 20, "exception", kind="KeyboardInterrupt", message="")
        self.expected["nonfinite", run] = [FIRES]
        if self.random.random() < 0.5:
            self.expected["nonfinite", run].append(HEALS)
            rank.resume(at + 900)
            self._quiet(run, at + 910, DAY)

    def _preempt(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, 10)
        rank.die(at, reason="SIGTERM", stopped=True)
        rank.resume(at + 600)
        self.expected["preempted", run] = [FIRES, HEALS]
        self._quiet(run, at + 610, DAY)

    def _heal(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        rank.more = {"restarts": 0, "restarts_max": 3}
        self._until(run, at, 60)
        rank.die(at)
        rank.more = {"restarts": 1, "restarts_max": 3}
        rank.resume(at + 40)
        self.expected["restarting", run] = [FIRES, HEALS]
        self._quiet(run, at + 50, DAY)

    def _loop(self, run: str) -> None:
        at, (rank,) = self._at(seen=1200), self.ranks[run]
        self._until(run, at, 10)
        for number in range(3):
            rank.die(at + number * 300)
            if number < 2:  # it crashes soon after its begin, far before the step that it had come to
                rank.attempt = at + number * 300 + 200
                rank.live(rank.attempt, rank.attempt + 100)
        self.loops.append((at - 10, at + 620, run))
        self.expected["crash", run] = [FIRES, HEALS, FIRES, HEALS, FIRES]
        self.expected["restart_without_progress", run] = [FIRES]

    def _phase(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        name, limit = self.random.choice(
            [("checkpoint", 900.0), ("eval", 1200.0), ("eval", None), ("checkpoint", None)]
        )
        self._until(run, at, 0)
        rank.live(
            at, at + 600, every=10, progressed=at, phase=name, phase_since=micros(at + rank.skew), phase_limit=limit
        )
        rank.more = {"phase_since": micros(at + 600 + rank.skew)}
        self._quiet(run, at + 600, DAY)

    def _dead_host(self, runs: list[str]) -> None:
        at, back = self._at(seen=600), self.random.randrange(1200, 3600)
        gone = self.random.random() < 0.5
        for run in runs:
            (rank,) = self.ranks[run]
            self._until(run, at, 80)
            self.expected["host_lost", run] = [FIRES, HEALS]
            if gone:  # its shipper tells of the death when the host is back
                rank.die(at + back)
                self.expected["crash", run] = [FIRES]
            else:
                self._quiet(run, at + back, DAY)

    def records(self) -> Iterator[tuple[float, Record]]:
        """Yield all that arrives, in order."""
        lives = (chain.from_iterable(rank.parts) for ranks in self.ranks.values() for rank in ranks)
        yield from heapq.merge(*lives, key=lambda item: item[0])


class Cluster:
    """The workers, and the topics between them and the runs. What happens has a time, and to whom."""

    def __init__(self) -> None:
        self.random = random.Random(SEED)
        self.published: list[Alert] = []
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
        watch = self.watches[worker] = Watch(rules(SETTINGS))
        mine = {place for place, owner in self.owner.items() if owner == worker}
        for alert in self.published:
            (watch.book.fold if partition(alert.run) in mine else watch.book.hear)(Alert.parse(alert.encode()))
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
        worker = self.owner[place]
        self._publish(worker, self.watches[worker].read([(record, place)], micros(now)))

    def strike(self, now: float, run: str) -> None:
        """Let the clock of a run's worker strike, or of all for no run."""
        for worker in [self.owner[partition(run)]] if run else range(WORKERS):
            if self.backlog is None and now >= self.since[worker]:
                seen = {place: micros(self.since[worker]) for place, owner in self.owner.items() if owner == worker}
                self._publish(worker, self.watches[worker].tick(micros(now), seen))

    def _publish(self, worker: int, alerts: list[Alert]) -> None:
        self.published += alerts
        for alert in alerts:  # all read what is about hosts, which have runs everywhere
            for other, watch in self.watches.items():
                if other != worker:
                    watch.book.hear(alert)


def partition(run: str) -> int:
    """Return where a run's records lie."""
    return crc32(run.encode()) % PARTITIONS


def happenings(day: Day, cluster: Cluster) -> list[tuple[float, Callable[[float, Any], None], Any]]:
    """Return what happens to the workers, in order: the clock strikes, one is killed, all are assigned anew or away."""
    chance = random.Random(SEED + 1)
    strikes = {(float(at), "") for at in range(0, DAY, 180)}
    for begin, end, run in day.close:
        strikes |= {(float(at), run) for at in range(int(begin) // STRIKES * STRIKES, int(end) + STRIKES, STRIKES)}
    kills = [chance.uniform(0, DAY) for _ in range(30)]
    kills += [begin + 10 + chance.uniform(0, 60) for begin, _, _ in chance.sample(day.close, 60)]
    rebalances = [chance.uniform(0, DAY) for _ in range(6)]
    harm = [(at, cluster.kill, number % WORKERS) for number, at in enumerate(kills)]
    harm += [(at, cluster.rebalance, None) for at in rebalances]
    harm = [one for one in harm if not any(begin < one[0] < end for begin, end, _ in [*day.loops, (*OUTAGE, "")])]
    clock = [(at, cluster.strike, run) for at, run in strikes]
    outage = [(OUTAGE[0], cluster.leave, None), (OUTAGE[1], cluster.come_back, None)]
    return sorted([*clock, *harm, *outage], key=lambda item: item[0])


def simulate(day: Day) -> list[Alert]:
    """Return all alerts that are published in a day, in order."""
    cluster = Cluster()
    arriving = ((at, cluster.arrive, record) for at, record in day.records())
    for at, happens, to in heapq.merge(arriving, happenings(day, cluster), key=lambda item: item[0]):
        happens(at, to)
    return cluster.published


def test_a_day_of_a_thousand_runs_makes_exactly_the_alerts_that_it_asks_for() -> None:
    """None is missing, none comes twice, none is false; and precision and recall are printed by rule."""
    day = Day(SEED)
    alerts = simulate(day)
    told = transitions(alerts)
    print(*report(day.expected, told), sep="\n")  # noqa: T201 -- what the test is run for by hand
    wrong = {key for key in told.keys() | day.expected.keys() if told.get(key) != day.expected.get(key)}
    assert {key: (told.get(key), day.expected.get(key)) for key in sorted(wrong)} == {}
    notices = Counter((alert.notice, alert.state) for alert in notices_among(alerts))
    assert [notice for notice, count in notices.items() if count > 1] == []
    firing = Counter(rule for rule, _ in told)
    assert (firing["stalled"], firing["nonfinite"], firing["host_lost"]) == (STALLS, NANS, DEAD_HOSTS * RUNS_A_HOST)


def transitions(alerts: list[Alert]) -> dict[tuple[str, str], list[str]]:
    """Return by rule and run the states that its alerts took; a record that only tells more of a state is none."""
    last: dict[str, tuple[int, str]] = {}
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for alert in alerts:
        if last.get(alert.id) != (alert.episode, alert.state):
            last[alert.id] = alert.episode, alert.state
            told[alert.rule, alert.run].append(alert.state)
    return told


def report(expected: dict[tuple[str, str], list[str]], told: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """Yield a line for each rule: what share of its firings was due, and what share of those due came."""
    for rule in sorted({rule for rule, _ in expected.keys() | told.keys()}):
        keys = [key for key in expected.keys() | told.keys() if key[0] == rule]
        counts = [(expected.get(key, []).count(FIRES), told.get(key, []).count(FIRES)) for key in keys]
        due, came, right = (sum(column) for column in zip(*((*pair, min(pair)) for pair in counts), strict=True))
        yield f"{rule:25} precision {right / max(came, 1):.3f}, recall {right / max(due, 1):.3f} ({due} due)"
