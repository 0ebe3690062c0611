"""Detectors as rules: which metrics of a rank each judges, and what is made of its verdicts.

A detector's state lies in its rank's memory, by the rule's name, and goes with it through restarts (`memory`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from runwire.wire import Event, Pulse
from runwire.wire.messages import BEFORE_MAX
from runwire_alerting.book import Book, Fire, Resolve, Verdict
from runwire_alerting.detectors import Detector, Point, Sighting, StateError
from runwire_alerting.detectors import Verdict as Judgement
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
            except (StateError, TypeError, ValueError, KeyError):  # another version's
                detector = self.detector(self._params)
            mine.chosen[metric] = detector

    def _judge(self, detector: Detector, metric: str, pulse: Pulse) -> Judgement | None:
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

    def _say(self, verdict: Judgement, metric: str, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        own = book.own(pulse.run, self.name, pulse.rank, metric)
        if own is not None and (pulse.attempt, pulse.sent) <= (own.attempt or 0, own.caused_at or 0):
            return  # read again, by a worker whose memory is older than the alert
        if not isinstance(verdict, Sighting):
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
            text=f"{rank.who}: {kind} of {metric} at step {pulse.step}: {verdict.formula}.",
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
        "picky": _MEANT.get(detector.name) == (),
        "standard": detector.on and _MEANT.get(detector.name) != (),
    }  # fmt: skip
    return type(detector.__name__, (Detecting,), members)


def _point(pulse: Pulse, metric: str) -> Point | None:
    seen = pulse.metrics.get(metric)
    return None if seen is None else Point.of(pulse.step or 0, pulse.sent, seen)
