"""A day of a thousand runs, drawn from a seed: what happens to them, and the alerts that must come of it."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from zlib import crc32

from timeline import FINE, event, micros, nan_loss, pulse

from runwire.wire import Event, MetricPulse, Pulse

Record = Pulse | Event
RUNS, RUNS_A_HOST, WIDE, WIDE_RANKS = 1000, 5, 60, 4
DAY, COARSE = 86_400, 1800
OUTAGE = (43_200, 45_000)
CRASHES, STALLS, NANS, DEAD_HOSTS, BEHIND, PREEMPTED, HEALED, LOOPS, PHASES = 100, 50, 20, 10, 10, 60, 20, 5, 300
#: So often each of the rarer mishaps happens.
RARE = 3

FIRES, HEALS = "firing", "resolved"

#: Kinds that are off, or judge nothing, unless they are declared.
RULES = """
rules:
  - {name: threshold, where: {metric: accuracy}, params: {op: "<", value: 0.5}}
  - {name: absent, where: {metric: beat}}
  - {name: plateau, where: {metric: score}, params: {points: 16}}
  - {name: overfit, where: {metric: val, beside: train}}
  - {name: slowdown}
  - {name: finished}
"""

_Metrics = dict[str, MetricPulse]


def one(value: float) -> MetricPulse:
    """Return what a pulse tells of a single value."""
    return MetricPulse(1, value, value, value, value)


def sample(**told: float) -> _Metrics:
    """Return what a pulse tells of a machine."""
    return {f"system/{name}": one(value) for name, value in {"process/cpu": 50.0, **told}.items()}


@dataclass
class Rank:
    """One process of a run: who it is, and all that is heard of it, as parts that are made when they are due."""

    run: str
    number: int
    host: str
    skew: float
    attempt: float = 0
    #: The step from which its attempt goes on.
    base: int = 0
    parts: list[Iterable[tuple[float, Record]]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def live(self, begin: float, end: float, every: float = 1, progressed: float | None = None, **more: Any) -> None:
        """Live from ``begin`` until before ``end``; it progresses unless told since when it does not. Of what it tells
        anything may depend on how many pulses it has told before.
        """
        given = {"host": self.host, "interval": float(every), **self.more, **more}
        given["metrics"] = given.get("metrics", {"loss": FINE})
        self.parts.append(self._pulses(begin, end, progressed, (self.attempt, self.base), given))

    def _pulses(
        self, at: float, end: float, progressed: float | None, begun: tuple[float, int], given: dict[str, Any]
    ) -> Iterator[tuple[float, Record]]:
        number, (attempt, base) = 0, begun
        while at < end:
            last = at if progressed is None else progressed
            step = max(round((last - attempt) * 10), 0)
            told = {"step": base + step, "steps": max(step, 9), "progressed": last + self.skew, **given}
            told = {name: value(number) if callable(value) else value for name, value in told.items()}
            yield at, pulse(at + self.skew, self.run, self.number, attempt + self.skew, **told)
            at += given["interval"]
            number += 1

    def tell(self, at: float, what: str, **data: Any) -> None:
        """Say that something happened."""
        told = event(at + self.skew, what, run=self.run, rank=self.number, attempt=self.attempt + self.skew,
            place=len(self.parts) + 1, **data)  # fmt: skip
        self.parts.append([(at, told)])

    def die(self, at: float, reason: str = "killed", **data: Any) -> None:
        """Be gone: the shipper says so twice, by an event and a last pulse."""
        self.tell(at, "lost", reason=reason, **data)
        self.live(at, at + 1, alive=False, ended="stopped" if data else "killed")

    def stop(self, at: float) -> None:
        """Be ended by Ctrl-C, which is nobody's alert."""
        self.tell(at, "exception", kind="KeyboardInterrupt", message="")

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
        #: Around these times the clock strikes often: begin, end, run.
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
        self._straggle(wide[-1])
        self._bad_host(wide[-2])
        self._differ(wide[-3])
        plans: dict[Callable[[str], None], int] = {
            self._nan: NANS, self._preempt: PREEMPTED, self._heal: HEALED, self._loop: LOOPS, self._phase: PHASES,
        }  # fmt: skip
        rare = (
            self._storm, self._overrun, self._slow_start, self._xid, self._say, self._finish, self._checkpoints,
            self._freeze, self._spike, self._diverge, self._gradient, self._vanish, self._slow_down, self._rest,
            self._overfit, self._cross, self._absent, self._idle, self._starve, self._heat, self._fill_disk,
            self._fill_memory,
        )  # fmt: skip
        for plan, count in {**plans, **dict.fromkeys(rare, RARE)}.items():
            for _ in range(count):
                plan(next(take))
        for run in [*wide[45 + BEHIND : -3], *take]:
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

    def _at(self, *, seen: int = 0) -> int:
        """Draw a time; one that ``seen`` seconds later is not in the outage, where nobody would notice."""
        while True:
            at = self.random.randrange(3600, DAY - max(7200, seen))
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
                rank.stop(at + hang)

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
        rank.stop(at + 20)
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
        """Crash three times at the same point, with some minutes or two hours in a queue between."""
        wait = self.random.choice([200, 7200])
        at, (rank,) = self._at(seen=2 * wait + 1200), self.ranks[run]
        self._until(run, at, 10)
        for number in range(3):
            rank.die(at + number * (wait + 100))
            if number < 2:  # it crashes soon after its begin, far before the step that it had come to
                rank.attempt = at + number * (wait + 100) + wait
                rank.live(rank.attempt, rank.attempt + 100)
        self.expected["crash", run] = [FIRES, HEALS, FIRES, HEALS, FIRES]
        self.expected["restart_without_progress", run] = [FIRES]

    def _storm(self, run: str) -> None:
        """Crash five times within ten minutes, further on each time, and then live. What flaps is held down."""
        at, (rank,) = self._at(seen=3000), self.ranks[run]
        self._until(run, at, 950)
        for number in range(5):
            begin = at + number * 150
            rank.die(begin)
            rank.base = 1_000_000 * (number + 1)
            rank.resume(begin + 50)
            rank.live(begin + 60, begin + 150, every=5)
        self.expected["crash", run] = [FIRES, HEALS] * 4
        self.expected["restart_storm", run] = [FIRES, HEALS]
        self._quiet(run, at + 750, DAY)

    def _bad_host(self, run: str) -> None:
        """Have two ranks of one host, in turn, be the first to die, though the run comes further each time."""
        at, ranks = self._at(seen=6000), self.ranks[run]
        for rank in ranks:  # attempts are numbered by their hosts' clocks, and those of a run are compared
            rank.skew = 0
        self._until(run, at, 1600)
        for number, first in enumerate((ranks[0], ranks[1], ranks[0])):
            begin = at + number * 700
            first.die(begin)
            for rank in ranks:
                if rank is not first:
                    rank.die(begin + 2)
            if number < 2:
                for rank in ranks:
                    rank.base = 1_000_000 * (number + 1)
                    rank.resume(begin + 100)
                    rank.live(begin + 110, begin + 700, every=5)
        self.expected["crash", run] = [FIRES, HEALS, FIRES, HEALS, FIRES]
        self.expected["suspect_node", run] = [FIRES]

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

    def _overrun(self, run: str) -> None:
        at, (rank,) = self._at(seen=600), self.ranks[run]
        self._until(run, at, 220)
        since = micros(at + rank.skew)
        rank.live(at, at + 200, every=5, progressed=at, phase="checkpoint", phase_since=since, phase_limit=60.0)
        rank.more = {"phase_since": micros(at + 200 + rank.skew)}
        self.expected["phase_overrun", run] = [FIRES, HEALS]
        self._quiet(run, at + 200, DAY)

    def _slow_start(self, run: str) -> None:
        at, (rank,) = self._at(seen=2000), self.ranks[run]
        self.close.append((at, at + 1400, run))
        rank.attempt = at
        rank.live(at, at + 1300, every=10, progressed=at, step=None, steps=0, metrics={})
        self.expected["slow_start", run] = [FIRES, HEALS]
        self._quiet(run, at + 1300, DAY)

    def _xid(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, 60)
        for again in (0, 2):  # the kernel says so more than once
            rank.tell(at + again, "alert", title="XID", text="fell off", xid={"code": 79, "pci": "0000:01:00.0"})
        rank.live(at, at + 20)
        rank.stop(at + 20)
        rank.resume(at + 300)
        self.expected["gpu_xid", run] = [FIRES, HEALS]
        self._quiet(run, at + 310, DAY)

    def _say(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, 20)
        rank.tell(at, "alert", title="look", text="a word")
        self.expected["user", run] = [FIRES]
        self._quiet(run, at + 1, DAY)

    def _finish(self, run: str) -> None:
        at, (rank,) = self._at(seen=100), self.ranks[run]
        self._until(run, at, 60)
        rank.tell(at, "finish", exit_code=0)
        rank.live(at, at + 1, alive=False, ended="finished")
        self.expected["finished", run] = [FIRES]

    def _checkpoints(self, run: str) -> None:
        """Save each 100 steps, a step each tenth of a second, but for a minute."""
        at, (rank,) = self._at(seen=200), self.ranks[run]
        self._until(run, at, 180)
        begin = round(at * 10)

        def saved(number: int) -> int:
            return begin + 100 * (3 if 30 <= number < 110 else number // 10)

        rank.live(at, at + 160, checkpoint_step=saved, checkpoint_at=micros(at))
        self.expected["checkpoint_overdue", run] = [FIRES, HEALS]
        self._quiet(run, at + 160, DAY)

    def _course(
        self, run: str, metric: str, values: Sequence[float], *rules: str, every: float = 1, **beside: float
    ) -> None:
        """Log a metric's values, a pulse each, and others beside it that stay the same; be ended then."""
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, len(values) * every + 20)
        same: _Metrics = {"loss": FINE, **{name: one(value) for name, value in beside.items()}}
        rank.live(
            at,
            at + len(values) * every,
            every=every,
            metrics=lambda number: {**same, metric: one(values[number])},
        )
        rank.stop(at + len(values) * every)
        for rule in rules:
            self.expected[rule, run] = [FIRES, HEALS]

    def _freeze(self, run: str) -> None:
        self._course(run, "loss", [4 / 3] * 60 + [1.2, 1.3, 1.2], "loss_frozen")

    def _spike(self, run: str) -> None:
        self._course(run, "loss", [1.3, 1.4] * 60 + [2.0] * 8 + [1.3, 1.4] * 10, "loss_spike")

    def _diverge(self, run: str) -> None:
        self._course(run, "loss", [1.3, 1.4] * 60 + [5.0, 5.5] * 13 + [1.3, 1.4] * 10, "loss_spike", "divergence")

    def _gradient(self, run: str) -> None:
        self._course(run, "grad_norm", [1.0, 1.1] * 60 + [10.0] + [1.0, 1.1] * 10, "gradient_spike")

    def _vanish(self, run: str) -> None:
        self._course(run, "grad_norm", [1.0] * 30 + [1e-9] * 15 + [1.0] * 15, "vanishing")

    def _slow_down(self, run: str) -> None:
        self._course(run, "perf/step_seconds", [0.1] * 120 + [0.2] * 60 + [0.1] * 60, "slowdown")

    def _rest(self, run: str) -> None:
        falling = [0.98**number for number in range(60)]
        self._course(run, "score", [1.0] * 40 + falling, "plateau")

    def _overfit(self, run: str) -> None:
        self._course(run, "val", [1.0, 0.95, 0.9, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 0.9], "overfit", train=1.0)

    def _cross(self, run: str) -> None:
        self._course(run, "accuracy", [0.9, 0.9, 0.4, 0.4, 0.9], "threshold")

    def _absent(self, run: str) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, 60)
        beats: _Metrics = {"loss": FINE, "beat": one(1.0)}
        rank.live(at, at + 40, metrics=lambda number: {"loss": FINE} if 10 <= number < 30 else beats)
        rank.stop(at + 40)
        self.expected["absent", run] = [FIRES, HEALS]

    def _sampled(self, run: str, rule: str, told: Sequence[_Metrics], every: float) -> None:
        at, (rank,) = self._at(), self.ranks[run]
        self._until(run, at, len(told) * every + 20)
        rank.live(at, at + len(told) * every, every=every, metrics=lambda number: told[number])
        rank.stop(at + len(told) * every)
        self.expected[rule, run] = [FIRES, HEALS]

    def _idle(self, run: str) -> None:
        idle, busy = sample(**{"gpu/0/utilisation": 1.0}), sample(**{"gpu/0/utilisation": 90.0})
        self._sampled(run, "gpu_idle", [busy] * 3 + [idle] * 200 + [busy] * 3, 10)

    def _starve(self, run: str) -> None:
        starved = sample(**{"gpu/0/utilisation": 8.0, "cpu": 95.0})
        fed = sample(**{"gpu/0/utilisation": 90.0, "cpu": 50.0})
        self._sampled(run, "input_bottleneck", [starved] * 70 + [fed] * 70, 10)

    def _heat(self, run: str) -> None:
        hot, cool = sample(**{"gpu/0/throttle": 64.0}), sample(**{"gpu/0/throttle": 0.0})
        self._sampled(run, "throttle", [cool] * 3 + [hot] * 70 + [cool] * 80, 10)

    def _fill_disk(self, run: str) -> None:
        full, free = (
            sample(**{"disk/percent": 95.0, "disk/free": 1e9}),
            sample(**{"disk/percent": 50.0, "disk/free": 1e12}),
        )
        self._sampled(run, "disk_full", [free, full, full, free], 5)

    def _fill_memory(self, run: str) -> None:
        self._sampled(run, "memory_creep", [sample(memory_percent=taken) for taken in (60, 97, *[60] * 15)], 5)

    def _straggle(self, run: str) -> None:
        """Have one rank take twice as long for its part, a quarter of an hour and more, and then as long as others."""
        at, (first, *others) = self._at(seen=3000), self.ranks[run]
        self._until(run, at, 2400)
        for rank, seconds in ((first, 0.2), *((other, 0.1) for other in others)):
            rank.live(at, at + 1500, every=10, metrics={"loss": FINE, "perf/local_seconds": one(seconds)})
            rank.live(at + 1500, at + 2400, every=10, metrics={"loss": FINE, "perf/local_seconds": one(0.1)})
        self.expected["straggler", run] = [FIRES, HEALS]
        self._quiet(run, at + 2400, DAY)

    def _differ(self, run: str) -> None:
        """Have one rank compute something else for twenty seconds."""
        at, (first, *others) = self._at(seen=100), self.ranks[run]
        self._until(run, at, 80)

        def told(number: int, *, wrong: bool = False) -> dict[str, tuple[int, float]]:
            return {"grad_norm": (round(at * 10) + number, 2.0 if wrong and 20 <= number < 40 else 1.0)}

        first.live(at, at + 60, replicated=lambda number: told(number, wrong=True))
        for rank in others:
            rank.live(at, at + 60, replicated=told)
        self.expected["replicas_disagree", run] = [FIRES, HEALS]
        self._quiet(run, at + 60, DAY)

    def records(self) -> Iterator[tuple[float, Record]]:
        """Yield all that arrives, in order."""
        lives = (chain.from_iterable(rank.parts) for ranks in self.ranks.values() for rank in ranks)
        yield from heapq.merge(*lives, key=lambda item: item[0])
