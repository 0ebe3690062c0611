"""A host whose memory fills up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire.wire import Pulse
from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.machine import Minute, sampled
from runwire_alerting.rules.rule import Rule, Settable, ended, news

#: It is over when so much less is taken than when it fired, percent.
_MARGIN = 2.0
_FIT_SECONDS = 600.0
#: How well a line must fit the memory's course (squared correlation), lest a cache that fills and rests be one.
_FIT_MIN = 0.9


class MemoryCreep(Rule):
    """Detects that a host's memory is about to be full: then the kernel kills the training.

    Formula: at least ``above`` percent of it is taken; or a line through the minutes of the last ten, which fits
    (squared correlation at least 0.9), reaches 100 percent within ``within``. It is over when 2 percent less is taken
    than when it fired; so is it with the run.

    Source: stas00/ml-engineering warns at 5 percent free; SageMaker's GPUMemoryIncrease fits a rise; the line is ours.

    False alarms: data loaders that fill a cache of known size within an hour. GPUs' memory is not judged, for
    allocators take what they can get.

    Example::

        rules:
          - name: memory_creep
            params: {within: 20m}
    """

    name = "memory_creep"

    class Params(Settable):
        """What can be set."""

        above: float = Field(default=95.0, gt=0, le=100, description="so many percent are taken")
        within: Seconds = Field(default=3600.0, gt=0, description="... or will be all within so many seconds")

    def __init__(self, params: Params) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge a sample of the machine, and the end."""
        alert = book.own(pulse.run, self.name, pulse.rank)
        firing = alert is not None and alert.state == "firing"
        if not (firing or sampled(pulse.metrics)) or rank.machine is None or pulse.attempt < rank.attempt:
            return
        taken = rank.machine.minutes[-1].memory
        if alert is not None and firing:
            well = taken is not None and taken <= (alert.value or 0) - _MARGIN
            yield from ended(alert, rank, well=well, words="there is room in its memory again.")
            return
        if taken is None or rank.ended is not None or not news(alert, rank, pulse.sent):
            return
        left = _seconds_left(rank.machine.last(_FIT_SECONDS, pulse.sent, rank.watched))
        soon = left is not None and left <= self._params.within
        if taken >= self._params.above or soon:
            when = f", and at this pace all of it in {(left or 0) / 60:.0f} min" if soon else ""
            yield self.fire(
                rank,
                title=f"{rank.label}: the memory of {rank.host} is taken to {taken:.0f} %",
                text=f"{rank.who}: {taken:.1f} % of the host's memory is taken{when}.",
                severity="warning",
                value=taken,
                caused_at=pulse.sent,
            )


def _seconds_left(minutes: Sequence[Minute]) -> float | None:
    """Return when a line through the memory of these minutes reaches 100 percent; None if none fits, or it falls."""
    points = [(minute.number, minute.memory) for minute in minutes if minute.memory is not None]
    count = len(points)
    if count * 60 < _FIT_SECONDS:
        return None
    mean_at, mean = sum(at for at, _ in points) / count, sum(value for _, value in points) / count
    across = sum((at - mean_at) ** 2 for at, _ in points)
    up = sum((value - mean) ** 2 for _, value in points)
    both = sum((at - mean_at) * (value - mean) for at, value in points)
    if both <= 0 or both * both < _FIT_MIN * across * up:
        return None
    return max(100.0 - points[-1][1], 0.0) / (both / across) * 60
