"""A disk on which a run's data wait and that fills up."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from runwire.wire import Pulse
from runwire_alerting.book import Book, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.machine import sampled
from runwire_alerting.rules.rule import Rule, Settable, ended, news

#: It is over when so much less is taken than what fires, percent.
_MARGIN = 2.0


class DiskFull(Rule):
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

    def __init__(self, params: Params) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge a sample of the machine, and the end."""
        alert = book.own(pulse.run, self.name, pulse.rank)
        firing = alert is not None and alert.state == "firing"
        if not (firing or sampled(pulse.metrics)) or pulse.attempt < rank.attempt:
            return
        machine = rank.machine
        taken, free = (None, None) if machine is None else (machine.disk_percent, machine.disk_free)
        if alert is not None and firing:
            well = taken is not None and taken <= self._params.above - _MARGIN
            well |= free is not None and free >= 2 * self._params.free
            yield from ended(alert, rank, well=well, words="there is room on its disk again.")
            return
        if taken is None or free is None or taken <= self._params.above or free >= self._params.free:
            return
        if rank.ended is None and news(alert, rank, pulse.sent):
            yield self.fire(
                rank,
                title=f"{rank.label}: the disk of {rank.host} is full to {taken:.0f} %",
                text=f"{rank.who}: {free / 1e9:.1f} GB are left on the disk on which its data wait for delivery.",
                severity="warning",
                value=taken,
                caused_at=pulse.sent,
            )
