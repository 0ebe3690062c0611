"""A GPU that is slowed down by its hardware, or by heat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from runwire.wire import Alert
from runwire_alerting.book import Book
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.machine import SLOWED, Machine, Minute
from runwire_alerting.rules.rule import Settable
from runwire_alerting.rules.sampling import Sampling, Trouble, share


class _Slowed(NamedTuple):
    share: float
    gpu: str
    reasons: int


class Throttle(Sampling):
    """Detects that a GPU is slowed down by its hardware or by heat: it is too hot, lacks power, or is about to fail.

    Formula: in at least ``share`` of the samples of the last ``after`` seconds NVML gave such a reason for the clock of
    one of the rank's GPUs (``system/gpu/0/throttle``: hardware slowdown, thermal slowdown by hardware or by the driver,
    power brake). A limit of power, or clocks, that somebody has set is none. It is over when less than half of
    ``share`` is so, or with the run.

    Source: leptonai/gpud, 0.6 events a minute over ten minutes, of the hardware's reasons; that heat counts where the
    driver answers it is ours.

    False alarms: a host that is hot by design, as a notebook is: raise ``share``. A GPU that others use, too, where a
    process sees those of others. What lasts for seconds between two samples is not seen.

    Example::

        rules:
          - name: throttle
            params: {share: 0.9, after: 30m}
    """

    name = "throttle"

    class Params(Settable):
        """What can be set."""

        share: float = Field(default=0.6, gt=0, le=1, description="in so many of the samples, 0 to 1")
        after: Seconds = Field(default=600.0, ge=60, le=3600, description="... of the last so many seconds")

    def trouble(self, rank: Rank, machine: Machine, book: Book) -> Trouble | None:  # noqa: ARG002
        """Judge how often each GPU was slowed."""
        worst = _worst(self.last(self._params.after, rank, machine))
        if worst is None or worst.share < self._params.share:
            return None
        why = ", ".join(dict.fromkeys(word for bit, word in SLOWED.items() if worst.reasons & bit))
        clock = machine.clocks.get(worst.gpu)
        now = "" if clock is None else f" Its clock is {clock:.0f} MHz now."
        return Trouble(
            worst.share,
            f"{rank.label}: GPU {worst.gpu} on {rank.host} is slowed down",
            f"{rank.who}: GPU {worst.gpu} was slowed down in {100 * worst.share:.0f} % of the samples of the last "
            f"{self._params.after / 60:.0f} min, by {why}.{now}",
        )

    def well(self, alert: Alert, rank: Rank, machine: Machine) -> str:  # noqa: ARG002
        """Judge whether they are slowed less."""
        worst = _worst(self.last(self._params.after, rank, machine))
        return "its GPUs are fast again." if worst is not None and worst.share < self._params.share / 2 else ""


def _worst(minutes: Sequence[Minute]) -> _Slowed | None:
    """Return the GPU that was slowed most often, the first of them; None if there are too few samples."""
    samples: Counter[str] = Counter()
    reasons: dict[str, int] = {}
    for minute in minutes:
        for (gpu, bits), count in minute.slowed.items():
            samples[gpu] += count
            reasons[gpu] = reasons.get(gpu, 0) | bits
    gpu = max(samples, key=lambda one: samples[one], default="")
    often = share(minutes, lambda minute: sum(n for (one, _), n in minute.slowed.items() if one == gpu))
    return None if often is None else _Slowed(often, gpu, reasons.get(gpu, 0))
