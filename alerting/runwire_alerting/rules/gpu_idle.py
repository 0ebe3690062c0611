"""GPUs that are held and not used."""

from __future__ import annotations

from pydantic import Field

from runwire.wire import Alert
from runwire_alerting.book import Book
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.machine import Machine
from runwire_alerting.rules.phase_overrun import bounded
from runwire_alerting.rules.rule import Settable
from runwire_alerting.rules.sampling import Sampling, Trouble

_EXPLAINED = ("stalled", "crash", "restarting", "host_lost", "ranks_disagree", "phase_overrun")


class GpuIdle(Sampling):
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

    def trouble(self, rank: Rank, machine: Machine, book: Book) -> Trouble | None:
        """Judge how much its GPUs were used."""
        if not rank.steps or bounded(rank):
            return None
        window = self.last(self._params.after, rank, machine)
        if not window or any(minute.gpu is None or minute.gpu >= self._params.below for minute in window):
            return None
        if book.troubles(rank.run, *_EXPLAINED):
            return None
        most, minutes, gpus = max(minute.gpu or 0.0 for minute in window), self._params.after / 60, len(machine.gpus)
        return Trouble(
            most,
            f"{rank.label} has not used its {'GPU' if gpus == 1 else 'GPUs'} for {minutes:.0f} min",
            f"{rank.who}: none of its {gpus} GPUs was used to more than {most:.0f} % in the last {minutes:.0f} min, "
            "though it makes steps.",
        )

    def well(self, alert: Alert, rank: Rank, machine: Machine) -> str:  # noqa: ARG002
        """Judge whether one is used."""
        used = machine.minutes[-1].gpu
        return f"a GPU is used to {used:.0f} %." if used is not None and used >= self._params.below else ""
