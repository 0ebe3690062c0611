"""GPUs that are held and not used."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from runwire.wire import Pulse
from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.machine import sampled
from runwire_alerting.rules.phase_overrun import bounded
from runwire_alerting.rules.rule import Rule, Settable, ended, news

_EXPLAINED = ("stalled", "crash", "restarting", "host_lost", "ranks_disagree", "phase_overrun")


class GpuIdle(Rule):
    """Detects that no GPU of a rank is used, though the run makes steps.

    Formula: all samples of all the rank's GPUs in the last ``after`` seconds are below ``below`` percent. A run that
    has made no step yet, that is in a phase of which is known how long it may be, or of which another alert tells why
    it does not go on, is not judged. That a kernel runs is no sign of progress: one that waits for another rank keeps a
    GPU at 100 %. A sample above resolves it, or the end.

    Source: dstack's utilization_policy and SageMaker's LowGPUUtilization (95th percentile below 70 %); the numbers are
    ours, for a small model uses little of a large GPU and is well.

    False alarms: notebooks; work on the processors between trainings: say ``run.phase(...)``. A rank that holds a GPU
    for others.

    Example::

        rules:
          - name: gpu_idle
            params: {below: 70, after: 10m}
            severity: info
    """

    name = "gpu_idle"
    follows = frozenset(_EXPLAINED)

    class Params(Settable):
        """What can be set."""

        below: float = Field(default=5.0, gt=0, le=100, description="a GPU used less than this, percent, is idle")
        after: Seconds = Field(default=1800.0, ge=60, le=3600, description="... if it is so for so many seconds")

    def __init__(self, params: Params) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge a sample of the machine, and the end."""
        alert = book.own(pulse.run, self.name, pulse.rank)
        firing = alert is not None and alert.state == "firing"
        if not (firing or sampled(pulse.metrics)) or pulse.attempt < rank.attempt:
            return
        minutes = rank.machine.minutes if rank.machine is not None else ()
        used = minutes[-1].gpu if minutes else None
        if alert is not None and firing:
            well = used is not None and used >= self._params.below and news(alert, rank, pulse.sent)
            yield from ended(alert, rank, well=well, words=f"a GPU is used to {used:.0f} %." if well else "")
            return
        if rank.machine is None or rank.ended is not None or not rank.steps or bounded(rank):
            return
        window = rank.machine.last(self._params.after, pulse.sent, rank.watched)
        if not window or any(minute.gpu is None or minute.gpu >= self._params.below for minute in window):
            return
        if not news(alert, rank, pulse.sent) or book.troubles(pulse.run, *_EXPLAINED):
            return
        most, minutes_long = max(minute.gpu or 0.0 for minute in window), self._params.after / 60
        yield self.fire(
            rank,
            title=f"{rank.label} has not used its {'GPU' if rank.machine.gpus == 1 else 'GPUs'} for "
            f"{minutes_long:.0f} min",
            text=f"{rank.who}: none of its {rank.machine.gpus} GPUs was used to more than {most:.0f} % in the last "
            f"{minutes_long:.0f} min, though it makes steps.",
            severity="warning",
            value=most,
            caused_at=pulse.sent,
        )
