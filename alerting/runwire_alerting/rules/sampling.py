"""What the rules have in common that judge the samples which a rank takes of its machine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from runwire.wire import Alert, Pulse
from runwire_alerting.book import Book, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.machine import Machine, Minute, sampled
from runwire_alerting.rules.rule import Rule, ended, news

#: Of fewer samples a share tells nothing.
_SAMPLES_MIN = 5


class Trouble(NamedTuple):
    """What is wrong with a machine: the words that say so, and the number by which it was judged."""

    value: float
    title: str
    text: str


class Sampling(Rule):
    """Judges a living rank's machine at each sample, and, while that is in trouble, whether it is well or has ended.

    It is asked of pulses that have a sample, or tell the end.
    """

    def __init__(self, params: Any = None) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge a sample of the machine, and the end."""
        alert = book.own(pulse.run, self.name, pulse.rank)
        firing = alert is not None and alert.state == "firing"
        if not (firing or sampled(pulse.metrics)) or pulse.attempt < rank.attempt:
            return
        machine = rank.machine
        if alert is not None and firing:
            words = "" if machine is None or not news(alert, rank, rank.sent) else self.well(alert, rank, machine)
            yield from ended(alert, rank, well=bool(words), words=words)
        elif machine is not None and rank.ended is None and news(alert, rank, pulse.sent):
            trouble = self.trouble(rank, machine, book)
            if trouble is not None:
                yield self.fire(rank, severity="warning", caused_at=pulse.sent, **trouble._asdict())

    @abstractmethod
    def trouble(self, rank: Rank, machine: Machine, book: Book) -> Trouble | None:
        """Return what is wrong with the machine of a living rank."""

    @abstractmethod
    def well(self, alert: Alert, rank: Rank, machine: Machine) -> str:
        """Return the words that say that an alert's trouble is over; none while it is not."""

    @staticmethod
    def last(seconds: float, rank: Rank, machine: Machine) -> Sequence[Minute]:
        """Return the minutes of the last so many seconds, see `Machine.last`."""
        return machine.last(seconds, rank.sent, rank.watched)


def share(minutes: Sequence[Minute], count: Callable[[Minute], int]) -> float | None:
    """Return in which share, 0 to 1, of the samples of some minutes something was so; None if they are too few."""
    samples = sum(minute.samples for minute in minutes)
    return sum(map(count, minutes)) / samples if samples >= _SAMPLES_MIN else None
