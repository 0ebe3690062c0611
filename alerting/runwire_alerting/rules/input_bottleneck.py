"""GPUs that wait for the processors."""

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


class InputBottleneck(Rule):
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

    def __init__(self, params: Params) -> None:
        self._params = params

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge a sample of the machine, and the end."""
        alert = book.own(pulse.run, self.name, pulse.rank)
        firing = alert is not None and alert.state == "firing"
        if not (firing or sampled(pulse.metrics)) or rank.machine is None or pulse.attempt < rank.attempt:
            return
        window = rank.machine.last(self._params.after, pulse.sent, rank.watched)
        samples = sum(minute.samples for minute in window)
        share = sum(minute.starved for minute in window) / samples if samples else None
        if alert is not None and firing:
            well = share is not None and share < self._params.share / 2
            yield from ended(alert, rank, well=well, words="its GPUs are fed again.")
            return
        if share is None or share <= self._params.share or rank.ended is not None or not rank.steps or bounded(rank):
            return
        if news(alert, rank, pulse.sent):
            yield self.fire(
                rank,
                title=f"{rank.label}: its GPUs on {rank.host} wait for the processors",
                text=f"{rank.who}: in {100 * share:.0f} % of the samples of the last {self._params.after / 60:.0f} min "
                "its GPUs were used to less than 10 % while the processors were to more than 90 %.",
                severity="warning",
                value=share,
                caused_at=pulse.sent,
            )
