"""What is known of each rank of each run: its last sign of life, its progress, and how it ended.

No clock is read here: times are passed in, as microseconds since the epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runwire.wire import ATTEMPT_SHIFT, Event, Pulse
from runwire.wire.messages import BEFORE_MAX
from runwire_alerting.course import Course
from runwire_alerting.events import ending, gpus, restarts
from runwire_alerting.facts import Facts
from runwire_alerting.machine import Machine, sampled
from runwire_alerting.pace import LOCAL, Pace
from runwire_alerting.replicas import Replicas

_SECOND = 1_000_000
#: A gap between two pulses that is longer than this and than so many intervals is not the run's: its host slept or its
#: shipper was away. What happened meanwhile nobody saw, so it does not count as a pause of the run.
_GAP_SECONDS = 10.0
_GAP_INTERVALS = 5.0
#: An ended rank is kept this long, so that what comes late finds whom it is about.
_ENDED_KEPT = 600 * _SECOND
#: So many names of phases are remembered (they may be made of a counter).
_PHASES_MAX = 32
_SILENT_KEPT = 24 * 3600 * _SECOND
_DEATHS = ("killed", "failed")


@dataclass(slots=True)
class Rank:
    """One process of a run, as it was last seen.

    Attributes:
        sent: when its last pulse was sent, by its host's clock; 0 before the first.
        arrived: when that pulse was read here.
        watched: since when its pulses have come without a gap, by its host's clock.
        fresh: whether anything was heard of it since it was kept, see `runwire_alerting.memory`.
        ended: how it ended ("finished", "failed", "killed", "interrupted", "stopped"), None while it lives.
        said: whether an event told of that end; a pulse alone knows no exception's text.
        waiting_bytes: how much of it waits in its spool.
        phase, phase_since, phase_limit: what it says that it does, since when (0: it never said), and for how many
            seconds it may be silent meanwhile.
        phases: how many seconds the longest of each phase took so far, by its name, in earlier attempts too.
        checkpoint_step, checkpoint_at: the last checkpoint that it said was saved.
        checkpoint_gap: the most steps between two of them, in earlier attempts too; None before the second.
        console: the last lines that it printed, if it was killed or failed.
        restarts, restarts_max: how often its launcher has started the job anew, and does at most; None if not known.
        stage: its rank in pipeline parallelism, None if not known.
        planned: why it is about to be stopped, if it said so.
        facts: what is known of its run.
        course: how far its run came in all attempts.
        replicas: what its run's ranks said of values that are to be the same on all of them.
        machine: what its samples said, None before the first.
        pace: how long its steps take by itself, None if it does not say.
        seq: the last event's place in the rank's order.
        peers: all ranks of its run that are known, it among them; one mapping for all of them.
        hosts: when each host of which this worker knows was last heard; one mapping for all ranks.
        memory: what rules keep of it, by their names; it goes on with its next attempt.
        choice: which rules judge its metrics, see `runwire_alerting.rules.detecting`; None before that is looked up.
        recent: of metrics that a rule judges, the last (step, value) pairs, which a notice shows.
        kept: when that was kept elsewhere, see `runwire_alerting.memory`.
    """

    run: str
    rank: int
    attempt: int
    watched: int
    progressed: int
    project: str = ""
    name: str = ""
    host: str = ""
    partition: int = 0
    sent: int = 0
    arrived: int = 0
    fresh: bool = False
    step: int | None = None
    steps: int = 0
    step_seconds_max: float | None = None
    interval: float = 1.0
    ended: str | None = None
    said: bool = False
    waiting_bytes: int = 0
    phase: str | None = None
    phase_since: int = 0
    phase_limit: float | None = None
    phases: dict[str, float] = field(default_factory=dict)
    checkpoint_step: int | None = None
    checkpoint_at: int | None = None
    checkpoint_gap: int | None = None
    console: list[str] = field(default_factory=list)
    restarts: int | None = None
    restarts_max: int | None = None
    stage: int | None = None
    planned: str | None = None
    facts: Facts = field(default_factory=Facts)
    course: Course = field(default_factory=Course)
    replicas: Replicas = field(default_factory=Replicas, repr=False)
    machine: Machine | None = None
    pace: Pace | None = None
    seq: int = 0
    peers: dict[int, Rank] = field(default_factory=dict, repr=False, compare=False)
    hosts: dict[str, int] = field(default_factory=dict, repr=False)
    memory: dict[str, Any] = field(default_factory=dict, repr=False)
    choice: Any = field(default=None, repr=False)
    recent: dict[str, deque[tuple[int, float]]] = field(default_factory=dict, repr=False)
    kept: int = 0

    def note(self, metric: str, step: int, value: float) -> None:
        """Keep a metric's value among the recent ones; several rules may do so for one pulse."""
        recent = self.recent.get(metric)
        if recent is None:
            recent = self.recent[metric] = deque(maxlen=BEFORE_MAX + 1)
        if recent and recent[-1][0] > step:
            recent.clear()  # steps begin again
        if not recent or recent[-1][0] < step:
            recent.append((step, value))

    @property
    def pause(self) -> float:
        """Return for how many seconds it was silent when it was last heard, by its host's clock alone."""
        return (self.sent - max(self.moved, self.watched)) / _SECOND

    @property
    def moved(self) -> int:
        """Return when it last went on: by a step, or to another phase."""
        return max(self.progressed, self.phase_since)

    @property
    def restarts_left(self) -> bool:
        """Return whether its launcher is to start the job anew if it crashes."""
        return self.restarts is not None and self.restarts_max is not None and self.restarts < self.restarts_max

    @property
    def label(self) -> str:
        """Return how people call the run."""
        return self.name or self.run

    @property
    def who(self) -> str:
        """Return the words with which an alert begins that is about this rank."""
        name = f"{self.name} ({self.run})" if self.name and self.name != self.run else self.run
        return (
            f"{name}{f' of {self.project}' if self.project else ''}, rank {self.rank} on {self.host or 'unknown host'}"
        )

    @property
    def heard(self) -> int:
        """Return when its last sign of life was given, by its host's clock."""
        return self.sent or self.progressed


class Health:
    """All ranks that live or ended a short while ago."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[int, Rank]] = {}
        self._hosts: dict[str, int] = {}
        self._facts: dict[str, Facts] = {}
        self._courses: dict[str, Course] = {}
        self._replicas: dict[str, Replicas] = {}

    def __iter__(self) -> Iterator[Rank]:
        return (rank for ranks in self._runs.values() for rank in ranks.values())

    def runs(self) -> Iterator[Sequence[Rank]]:
        """Yield the ranks of each run, of which there is at least one."""
        return (list(ranks.values()) for ranks in self._runs.values())

    def get(self, run: str, rank: int) -> Rank | None:
        """Return what is known of a rank."""
        return self._runs.get(run, {}).get(rank)

    def ranks(self, run: str) -> int:
        """Return how many ranks of a run are known."""
        return len(self._runs.get(run, ()))

    def attempt(self, run: str) -> int:
        """Return the newest attempt of a run, 0 if none is known."""
        return max((rank.attempt for rank in self._runs.get(run, {}).values()), default=0)

    def pulse(self, pulse: Pulse, partition: int, now: int) -> Rank:
        """Take in a pulse; one that is older than what is known changes nothing. Return what is known then."""
        self._hosts[pulse.host] = now
        rank = self.get(pulse.run, pulse.rank)
        if rank is None or rank.attempt < pulse.attempt:
            rank = self.begin(pulse.run, pulse.rank, pulse.attempt, pulse.progressed)
        elif rank.attempt > pulse.attempt or rank.sent > pulse.sent:
            return rank
        elif pulse.sent - rank.sent > _gap_max(pulse.interval):
            rank.watched = pulse.sent
        news = pulse.sent > rank.sent  # else it is read again, and counts once
        rank.partition = partition
        rank.project = pulse.project
        rank.name = pulse.name
        rank.host = pulse.host
        rank.sent = pulse.sent
        rank.arrived, rank.fresh = now, True
        rank.progressed = pulse.progressed
        rank.step = pulse.step
        rank.steps = pulse.steps
        rank.step_seconds_max = pulse.step_seconds_max
        rank.interval = pulse.interval
        rank.waiting_bytes = pulse.waiting_bytes
        # An event may have told of the next phase before, for it comes by another topic.
        if pulse.phase_since is not None and pulse.phase_since >= rank.phase_since:
            _enter(rank, pulse.phase, pulse.phase_since, pulse.phase_limit)
        if rank.checkpoint_step is not None and (pulse.checkpoint_step or 0) > rank.checkpoint_step:
            gap = (pulse.checkpoint_step or 0) - rank.checkpoint_step
            rank.checkpoint_gap = max(gap, rank.checkpoint_gap or 0)
        rank.checkpoint_step, rank.checkpoint_at = pulse.checkpoint_step, pulse.checkpoint_at
        rank.console = pulse.console or rank.console
        rank.restarts, rank.restarts_max, rank.stage = pulse.restarts, pulse.restarts_max, pulse.stage
        local = pulse.metrics.get(LOCAL)
        if news and local is not None:
            rank.pace = rank.pace or Pace()
            rank.pace.take(pulse.sent, local)
        if news and sampled(pulse.metrics):
            rank.machine = rank.machine or Machine()
            rank.machine.take(pulse.sent, pulse.metrics)
        if pulse.replicated:
            rank.replicas.take(rank.rank, rank.attempt, pulse.replicated, now)
        rank.course.reach(rank.attempt, pulse.step, pulse.checkpoint_step, now)
        if rank.ended is None and not pulse.alive:
            self._end(rank, pulse.ended or "killed", now)
        return rank

    def event(self, event: Event, partition: int, now: int) -> Rank:
        """Take in an event. Return what is known of its rank then, which may be of a later attempt than the event's."""
        attempt = event.seq >> ATTEMPT_SHIFT
        rank = self.get(event.run, event.rank)
        if rank is None or rank.attempt < attempt:
            rank = self.begin(event.run, event.rank, attempt, event.ts)
            rank.partition, rank.arrived = partition, now
        rank.fresh = True
        rank.facts.event(event)
        if rank.attempt != attempt:
            return rank
        rank.seq = max(rank.seq, event.seq)
        if event.type == "start":
            rank.project, rank.name, rank.host = (
                str(event.data.get(key) or getattr(rank, key)) for key in ("project", "name", "host")
            )
            rank.restarts, rank.restarts_max = restarts(event)
        if event.type == "phase" and event.ts >= rank.phase_since:
            phase, limit = event.data.get("phase"), event.data.get("limit")
            seconds = float(limit) if isinstance(limit, (int, float)) else None
            _enter(rank, phase if isinstance(phase, str) else None, event.ts, seconds)
        if event.type == "about":
            rank.course.gpus |= {(rank.host, at): gpu for at, gpu in gpus(event)}
        if event.type == "planned_stop":
            rank.planned = str(event.data.get("reason") or "planned")
        ended = ending(event)
        lines = event.data.get("console") if ended is not None else None
        if isinstance(lines, list):
            rank.console = [line for line in lines if isinstance(line, str)]
        if ended is not None and not rank.said:
            self._end(rank, ended, now)
            rank.said = True
        return rank

    def forget(self, now: int, seen: Container[int]) -> list[Rank]:
        """Drop ranks of the partitions in ``seen`` that ended, or were last heard of, long ago. Return them."""
        old = [
            rank
            for rank in self
            if now - rank.arrived > (_SILENT_KEPT if self._awaited(rank) else _ENDED_KEPT) and rank.partition in seen
        ]
        for rank in old:
            ranks = self._runs[rank.run]
            del ranks[rank.rank]
            if not ranks:
                del self._runs[rank.run]
                self._facts.pop(rank.run, None)
                self._replicas.pop(rank.run, None)
        if old:
            known = {rank.host for rank in self}
            for host in self._hosts.keys() - known:
                del self._hosts[host]
            # A run may wait for hours until it is started anew.
            for run in self._courses.keys() - self._runs.keys():
                if now - self._courses[run].touched > _SILENT_KEPT:
                    del self._courses[run]
        return old

    def _awaited(self, rank: Rank) -> bool:
        """Return whether more may come of a rank: it lives, or is the one whose death ended its run, which may wait for
        hours until it is started anew.
        """
        if rank.ended not in _DEATHS:
            return rank.ended is None
        return any(
            death.rank == rank.rank and death.attempt >= self.attempt(rank.run) for death in rank.course.deaths[-1:]
        )

    def _end(self, rank: Rank, ended: str, now: int) -> None:
        rank.ended = ended
        if ended in _DEATHS and not rank.course.counted(rank.attempt):
            rank.course.died(rank.rank, rank.host, self.attempt(rank.run), now)

    def begin(self, run: str, number: int, attempt: int, at: int) -> Rank:
        """Return a rank of which nothing is known yet but when it began, in place of an earlier attempt's."""
        facts, course = self._facts.setdefault(run, Facts()), self._courses.setdefault(run, Course())
        replicas, peers = self._replicas.setdefault(run, Replicas()), self._runs.setdefault(run, {})
        rank = Rank(
            run, number, attempt, watched=at, progressed=at, facts=facts, course=course, replicas=replicas,
            peers=peers, hosts=self._hosts,
        )  # fmt: skip
        known = self.get(run, number)
        if known is not None:
            rank.project, rank.name, rank.host = known.project, known.name, known.host
            rank.phases, rank.memory, rank.checkpoint_gap = known.phases, known.memory, known.checkpoint_gap
        peers[number] = rank
        return rank


def _gap_max(interval: float) -> float:
    return max(_GAP_SECONDS, _GAP_INTERVALS * interval) * _SECOND


def _enter(rank: Rank, phase: str | None, since: int, limit: float | None) -> None:
    """Take in what a rank does from ``since`` on, and how long it did what that ends."""
    if since > rank.phase_since and rank.phase is not None and len(rank.phases) < _PHASES_MAX:
        rank.phases[rank.phase] = max(rank.phases.get(rank.phase, 0.0), (since - rank.phase_since) / _SECOND)
    rank.phase, rank.phase_since, rank.phase_limit = phase, since, limit
