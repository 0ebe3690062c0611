"""GPUs that wait for the processors."""

from __future__ import annotations

from pydantic import Field

from runwire.wire import Alert
from runwire_alerting.book import Book
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.machine import Machine
from runwire_alerting.rules.phase_overrun import bounded
from runwire_alerting.rules.rule import Settable
from runwire_alerting.rules.sampling import Sampling, Trouble, share


class InputBottleneck(Sampling):
    """Detects that GPUs starve while the host's processors work: the input is not made fast enough.

    Formula: in more than ``share`` of the samples of the last ``after`` seconds the rank's GPUs were used to less than
    10 percent while the processors were to more than 90. A run without a step, or in a phase of known length, is not
    judged. It is over when less than half of ``share`` is so, or with the run.

    Source: SageMaker's CPUBottleneck (GPU below 10, CPU above 90 percent, in half the samples).

    False alarms: tokenising or augmentation at the begin: say ``run.phase("setup")``. Only the first rank of each host
    tells of the processors, so it alone is judged; waiting for a disk or the network is not seen.

    Example::

        rules:
          - name: input_bottleneck
            params: {after: 30m}
    """

    name = "input_bottleneck"

    class Params(Settable):
        """What can be set."""

        share: float = Field(default=0.5, gt=0, lt=1, description="of so many of the samples, 0 to 1")
        after: Seconds = Field(default=600.0, ge=60, le=3600, description="... in the last so many seconds")

    def trouble(self, rank: Rank, machine: Machine, book: Book) -> Trouble | None:  # noqa: ARG002
        """Judge how often its GPUs waited."""
        starved = self._starved(rank, machine)
        if starved is None or starved <= self._params.share or not rank.steps or bounded(rank):
            return None
        return Trouble(
            starved,
            f"{rank.label}: its GPUs on {rank.host} wait for the processors",
            f"{rank.who}: in {100 * starved:.0f} % of the samples of the last {self._params.after / 60:.0f} min its "
            "GPUs were used to less than 10 % while the processors were to more than 90 %.",
        )

    def well(self, alert: Alert, rank: Rank, machine: Machine) -> str:  # noqa: ARG002
        """Judge whether they wait less."""
        starved = self._starved(rank, machine)
        return "its GPUs are fed again." if starved is not None and starved < self._params.share / 2 else ""

    def _starved(self, rank: Rank, machine: Machine) -> float | None:
        return share(self.last(self._params.after, rank, machine), lambda minute: minute.starved)
