"""A disk on which a run's data wait and that fills up."""

from __future__ import annotations

from pydantic import Field

from runwire.wire import Alert
from runwire_alerting.book import Book
from runwire_alerting.health import Rank
from runwire_alerting.machine import Machine
from runwire_alerting.rules.rule import Settable
from runwire_alerting.rules.sampling import Sampling, Trouble

#: It is over when so much less is taken than what fires, percent.
_MARGIN = 2.0


class DiskFull(Sampling):
    """Detects that the disk is about to be full on which a run's data wait for delivery (``RUNWIRE_HOME``).

    Formula: more than ``above`` percent of it is taken, and less than ``free`` bytes are left. It is over when 2
    percent less is taken, or twice as much is left; so is it with the run.

    Source: wandb/wandb#1655, where a full disk made ten thousand failed runs of a sweep; the numbers are ours.

    False alarms: a disk that is kept full on purpose. Checkpoints may lie on another disk, of which nothing is known.

    Example::

        rules:
          - name: disk_full
            params: {free: 200000000000}
    """

    name = "disk_full"

    class Params(Settable):
        """What can be set."""

        above: float = Field(default=90.0, gt=0, le=100, description="so many percent are taken")
        free: float = Field(default=20e9, gt=0, description="... and fewer bytes than this are left")

    def trouble(self, rank: Rank, machine: Machine, book: Book) -> Trouble | None:  # noqa: ARG002
        """Judge how full the disk is."""
        taken, free = machine.disk_percent, machine.disk_free
        if taken is None or free is None or taken <= self._params.above or free >= self._params.free:
            return None
        return Trouble(
            taken,
            f"{rank.label}: the disk of {rank.host} is full to {taken:.0f} %",
            f"{rank.who}: {free / 1e9:.1f} GB are left on the disk on which its data wait for delivery.",
        )

    def well(self, alert: Alert, rank: Rank, machine: Machine) -> str:  # noqa: ARG002
        """Judge whether there is room."""
        taken, free = machine.disk_percent, machine.disk_free
        room = taken is not None and taken <= self._params.above - _MARGIN
        room |= free is not None and free >= 2 * self._params.free
        return "there is room on its disk again." if room else ""
