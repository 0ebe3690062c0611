"""Detectors as rules: which metrics of a rank each judges, and what is made of its verdicts.

Which rules judge a metric of a rank is looked up when the metric first comes, and anew with other rules or other words
of what metrics are; a rule that judges none costs nothing. A detector's state lies in its rank's memory, by the rule's
name, and goes with it through restarts (`memory`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from runwire.wire import Pulse
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
#: So many metrics of a rank a rule judges at most, and so many names are remembered: they may be made of a counter.
_CHOSEN_MAX = 200
_KNOWN_MAX = 10_000


@dataclass(slots=True)
class Courses:
    """What a rule keeps of a rank.

    Attributes:
        rule: whose it is; another one of its name may come in its place.
        chosen: a detector for each metric that it judges.
        sent, attempt: of the last pulse that they were given: each is given once, however often it is read.
    """

    rule: Detecting
    chosen: dict[str, Detector] = field(default_factory=dict)
    sent: int = 0
    attempt: int = 0


@dataclass(slots=True)
class Choice:
    """What was found for a rank.

    Attributes:
        of: among which rules.
        known: the metrics that were looked at, judged or not.
        rules: those that judge one of them.
    """

    of: Sequence[Detecting]
    known: set[str] = field(default_factory=set)
    rules: list[Detecting] = field(default_factory=list)


class Detecting(Rule):
    """Fires where its detector sees that something is wrong, and resolves where that one calls it well."""

    detector: ClassVar[type[Detector]]

    def __init__(self, params: Any) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Give each metric's detector what the pulse tells of it."""
        mine: Courses = rank.memory[self.name]
        if (pulse.attempt, pulse.sent) <= (mine.attempt, mine.sent):
            return
        if pulse.attempt > mine.attempt:
            for detector in mine.chosen.values() if mine.attempt else ():
                detector.resumed()
        mine.attempt, mine.sent = pulse.attempt, pulse.sent
        if pulse.step is None:
            return
        beside = _point(pulse, self.beside) if self.beside else None
        for metric, detector in mine.chosen.items():
            if beside is not None:
                detector.beside(beside)
            verdict = self._judge(detector, metric, pulse, rank)
            if verdict is not None:
                yield from self._say(verdict, metric, pulse, rank, book)

    def choose(self, metrics: Iterable[str], rank: Rank) -> bool:
        """Have a detector for those of some metrics that it judges. Return whether it judges any of the rank's."""
        mine: Courses | None = rank.memory.get(self.name)
        for metric in metrics:
            if metric != self.beside and self._judges(metric, rank):
                if mine is None:
                    mine = rank.memory[self.name] = Courses(self)
                if metric not in mine.chosen and len(mine.chosen) < _CHOSEN_MAX:
                    mine.chosen[metric] = self.detector(self._params)
        return mine is not None and bool(mine.chosen)

    def adopt(self, rank: Rank) -> None:
        """Go on with what a rule of its name kept of a rank: what is not judged any more goes, and its params hold."""
        mine: Courses | None = rank.memory.get(self.name)
        if mine is None:
            return
        if mine.rule.detector is not self.detector:
            del rank.memory[self.name]
            return
        if mine.rule is not self:
            self.restore(rank, dumped(mine))
        chosen = rank.memory[self.name].chosen
        for metric in [metric for metric in chosen if not self._judges(metric, rank)]:
            del chosen[metric]

    def restore(self, rank: Rank, states: Mapping[str, Any]) -> None:
        """Put back what `dumped` returned; of a detector that does not know its state a new one begins."""
        mine = rank.memory[self.name] = Courses(self, sent=int(states["sent"]), attempt=int(states["attempt"]))
        for metric, state in states["chosen"].items():
            detector = self.detector(self._params)
            try:
                detector.load(state)
            except (StateError, TypeError, ValueError, KeyError):  # another version's
                detector = self.detector(self._params)
            mine.chosen[metric] = detector

    @staticmethod
    def _judge(detector: Detector, metric: str, pulse: Pulse, rank: Rank) -> Judgement | None:
        seen, step = pulse.metrics.get(metric), pulse.step or 0
        if seen is None:
            return detector.without(step)
        rank.note(metric, step, seen.last)
        point = Point.of(step, pulse.sent, seen)
        return None if point is None else detector.add(point)

    def _judges(self, metric: str, rank: Rank) -> bool:
        globs = self.metrics or _MEANT.get(self.detector.name)
        if globs is not None:
            return any(fnmatchcase(metric, glob) for glob in globs)
        return is_loss(metric) or rank.facts.roles.get(metric) == "loss"

    def _say(self, verdict: Judgement, metric: str, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        own = book.own(pulse.run, self.name, pulse.rank, metric)
        told = max(own.caused_at or 0, own.over_at or 0) if own is not None else 0
        if own is not None and (pulse.attempt, pulse.sent) <= (own.attempt or 0, told):
            return  # read again, by a worker whose memory is older than the alert
        if not isinstance(verdict, Sighting):
            if own is not None and own.state == "firing":
                yield Resolve(own, pulse.attempt, f"{metric} is {verdict.value:.6g}.", pulse.sent)
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


def chosen(rules: Sequence[Detecting], pulse: Pulse, rank: Rank) -> Sequence[Detecting]:
    """Return those of the rules that judge a metric of a rank, some of which a pulse may tell of for the first time."""
    choice: Choice | None = rank.choice
    if choice is None or choice.of is not rules:
        choice = rank.choice = Choice(rules)
        for rule in rules:
            rule.adopt(rank)
        choice.rules = [rule for rule in rules if rule.name in rank.memory]
    if not choice.known.issuperset(pulse.metrics):
        new = [metric for metric in pulse.metrics if metric not in choice.known]
        if len(choice.known) >= _KNOWN_MAX:
            choice.known.clear()
        choice.known.update(new)
        choice.rules = [rule for rule in rules if rule.choose(new, rank)]
    return choice.rules


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
