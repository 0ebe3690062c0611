"""Detectors as rules: which metrics of a rank each judges, and what is made of its verdicts.

A detector's state lies in its rank's memory, by the rule's name, and goes with it through restarts (`memory`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar, NamedTuple, Protocol

from runwire.wire import Event, Pulse
from runwire.wire.messages import BEFORE_MAX, Severity
from runwire_alerting.book import Book, Fire, Resolve, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.nonfinite import is_loss
from runwire_alerting.rules.rule import Rule

#: The metrics of detectors that are about others than losses, where a declaration names none.
_MEANT: Mapping[str, Sequence[str]] = {
    "gradient_spike": ("*grad_norm*", "*gradient_norm*"),
    "vanishing": ("*grad_norm*", "*gradient_norm*"),
    "slowdown": ("*step_seconds", "*step_time"),
    # Of these there is no telling.
    "threshold": (),
    "absent": (),
    "overfit": (),
}


class Point(NamedTuple):
    """What one pulse tells of one metric, over its finite values; ``ts`` is when it was sent, in microseconds."""

    step: int
    ts: int
    count: int  # type: ignore[assignment]  # tuples have a method of that name, for which nobody looks here
    last: float
    min: float
    max: float
    sum: float

    @property
    def mean(self) -> float:
        """Return the mean of the finite values."""
        return self.sum / self.count


class Detector(Protocol):
    """What is asked of a detector: judgement of one metric's course.

    A verdict with a ``formula`` says that something is wrong, one without that all is well again.
    """

    name: ClassVar[str]
    severity: ClassVar[Severity]
    Params: ClassVar[type[Any]]

    def __init__(self, params: Any) -> None: ...

    def add(self, point: Any) -> Any:
        """Judge the next point."""

    def beside(self, point: Any) -> None:
        """Take note of a point of the other metric."""

    def without(self, step: int) -> Any:
        """Judge a pulse without the metric."""

    def resumed(self) -> None:
        """Take note that another attempt begins."""

    def dump(self) -> dict[str, Any]:
        """Return the state, as JSON can hold it."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Put back a state."""


@dataclass(slots=True)
class Courses:
    """What a rule keeps of a rank.

    Attributes:
        chosen: a detector for each metric that it judges.
        known: the metrics that were looked at, judged or not.
        sent, attempt: of the last pulse that they were given: each is given once, however often it is read.
    """

    chosen: dict[str, Detector] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    sent: int = 0
    attempt: int = 0


class Detecting(Rule):
    """Fires where its detector sees that something is wrong, and resolves where that one calls it well."""

    detector: ClassVar[type[Detector]]

    def __init__(self, params: Any) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Give each metric's detector what the pulse tells of it."""
        mine: Courses | None = rank.memory.get(self.name)
        if mine is None:
            mine = rank.memory[self.name] = Courses()
        if (pulse.attempt, pulse.sent) <= (mine.attempt, mine.sent):
            return
        if not mine.known.issuperset(pulse.metrics):
            self._choose(mine, pulse, rank)
        if pulse.attempt > mine.attempt:
            for detector in mine.chosen.values() if mine.attempt else ():
                detector.resumed()
        mine.attempt, mine.sent = pulse.attempt, pulse.sent
        if pulse.step is not None:
            for metric, detector in mine.chosen.items():
                if metric in pulse.metrics:
                    rank.note(metric, pulse.step, pulse.metrics[metric].last)
                verdict = self._judge(detector, metric, pulse)
                if verdict is not None:
                    yield from self._say(verdict, metric, pulse, rank, book)

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        """Choose anew once metrics are defined: one may turn out to be a loss."""
        if event.type == "metric" and self.name in rank.memory:
            rank.memory[self.name].known.clear()
        yield from ()

    def restore(self, rank: Rank, states: Mapping[str, Any]) -> None:
        """Put back what `dumped` returned; of a detector that does not know its state a new one begins."""
        mine = rank.memory[self.name] = Courses(sent=int(states["sent"]), attempt=int(states["attempt"]))
        for metric, state in states["chosen"].items():
            detector = self.detector(self._params)
            try:
                detector.load(state)
            except Exception:  # noqa: BLE001 -- whatever it stumbles over, the state is another version's
                detector = self.detector(self._params)
            mine.chosen[metric] = detector

    def _judge(self, detector: Detector, metric: str, pulse: Pulse) -> Any:
        beside = _point(pulse, self.beside)
        if beside is not None:
            detector.beside(beside)
        if metric not in pulse.metrics:
            return detector.without(pulse.step or 0)
        point = _point(pulse, metric)
        return None if point is None else detector.add(point)

    def _choose(self, mine: Courses, pulse: Pulse, rank: Rank) -> None:
        for metric in pulse.metrics.keys() - mine.known:
            mine.known.add(metric)
            if metric not in mine.chosen and metric != self.beside and self._judges(metric, rank):
                mine.chosen[metric] = self.detector(self._params)

    def _judges(self, metric: str, rank: Rank) -> bool:
        globs = self.metrics or _MEANT.get(self.detector.name)
        if globs is not None:
            return any(fnmatchcase(metric, glob) for glob in globs)
        return is_loss(metric) or rank.facts.roles.get(metric) == "loss"

    def _say(self, verdict: Any, metric: str, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        own = book.own(pulse.run, self.name, pulse.rank, metric)
        if own is not None and (pulse.attempt, pulse.sent) <= (own.attempt or 0, own.caused_at or 0):
            return  # read again, by a worker whose memory is older than the alert
        formula = getattr(verdict, "formula", None)
        if formula is None:
            if own is not None and own.state == "firing":
                yield Resolve(own, pulse.attempt, f"{metric} is {verdict.value:.6g}.")
            return
        if own is not None and own.state == "firing":
            return
        kind = self.detector.name.replace("_", " ")
        yield Fire(
            rule=self.name,
            run=pulse.run,
            rank=pulse.rank,
            attempt=pulse.attempt,
            metric=metric,
            title=f"{rank.label}: {kind} of {metric} at step {pulse.step}",
            text=f"{rank.who}: {kind} of {metric} at step {pulse.step}: {formula}.",
            severity=self.detector.severity,
            caused_at=pulse.sent,
            project=pulse.project,
            name=pulse.name,
            host=pulse.host,
            step=pulse.step,
            value=verdict.value,
            before=[pair for pair in rank.recent.get(metric, ()) if pair[0] < (pulse.step or 0)][-BEFORE_MAX:],
        )


def dumped(courses: Courses) -> dict[str, Any]:
    """Return what is to be known of a rule's courses after a restart, as JSON can hold it."""
    return {
        "sent": courses.sent,
        "attempt": courses.attempt,
        "chosen": {metric: detector.dump() for metric, detector in courses.chosen.items()},
    }


def kind(detector: type[Detector]) -> type[Rule]:
    """Return the kind of rule that a detector makes, with its name, its params and its documentation."""
    members = {
        "name": detector.name, "Params": detector.Params, "detector": detector, "__doc__": detector.__doc__,
    }  # fmt: skip
    return type(detector.__name__, (Detecting,), members)


def _point(pulse: Pulse, metric: str) -> Point | None:
    seen = pulse.metrics.get(metric)
    if seen is None or seen.min is None or seen.max is None or seen.sum is None:
        return None
    return Point(pulse.step or 0, pulse.sent, seen.count - seen.nonfinite, seen.last, seen.min, seen.max, seen.sum)
