"""A host whose memory fills up."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from runwire.wire import Alert
from runwire_alerting.book import Book
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.machine import Machine, Minute
from runwire_alerting.rules.rule import Settable
from runwire_alerting.rules.sampling import Sampling, Trouble

#: It is over when so much less is taken than when it fired, percent.
_MARGIN = 2.0
_FIT_SECONDS = 600.0
#: How well a line must fit the memory's course (squared correlation), lest a cache that fills and rests be one.
_FIT_MIN = 0.9


class MemoryCreep(Sampling):
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

    def trouble(self, rank: Rank, machine: Machine, book: Book) -> Trouble | None:  # noqa: ARG002
        """Judge how much memory is taken, and when all of it will be."""
        taken = machine.minutes[-1].memory
        if taken is None:
            return None
        left = _seconds_left(self.last(_FIT_SECONDS, rank, machine))
        soon = left is not None and left <= self._params.within
        if taken < self._params.above and not soon:
            return None
        when = f", and at this pace all of it in {(left or 0) / 60:.0f} min" if soon else ""
        return Trouble(
            taken,
            f"{rank.label}: the memory of {rank.host} is taken to {taken:.0f} %",
            f"{rank.who}: {taken:.1f} % of the host's memory is taken{when}.",
        )

    def well(self, alert: Alert, rank: Rank, machine: Machine) -> str:  # noqa: ARG002
        """Judge whether less is taken than was."""
        taken = machine.minutes[-1].memory
        less = taken is not None and taken <= (alert.value or 0) - _MARGIN
        return "there is room in its memory again." if less else ""


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
