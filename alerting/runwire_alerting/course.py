"""What a run came to over all its attempts: how far it got, and where it died."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: So many deaths of a run are remembered.
_DEATHS_MAX = 20


class Death(NamedTuple):
    """That an attempt of a run crashed: what is known of the first rank that did.

    Attributes:
        attempt: the newest of the run's ranks then; those that die later of the same cause are not newer.
        at: when it was told, by our clock.
        rank, host: whose.
        step: the furthest step that the run had made by then, in all attempts; None before the first.
        checkpoint: the furthest checkpoint that it had saved by then; None if it never said so.
    """

    attempt: int
    at: int
    rank: int
    host: str
    step: int | None
    checkpoint: int | None


class Gpu(NamedTuple):
    """Whose a GPU is: the rank's, by NVML's number on the host."""

    rank: int
    number: int
    uuid: str


@dataclass(slots=True)
class Course:
    """One run's way.

    Attributes:
        step: the furthest step of any rank and attempt, None before the first.
        checkpoint: the furthest checkpoint that it said was saved.
        deaths: one an attempt that crashed, oldest first.
        gpus: by host and place, see `place`.
        touched: when it was last added to, by our clock.
    """

    step: int | None = None
    checkpoint: int | None = None
    deaths: list[Death] = field(default_factory=list)
    gpus: dict[tuple[str, str], Gpu] = field(default_factory=dict)
    touched: int = 0

    def reach(self, attempt: int, step: int | None, checkpoint: int | None, now: int) -> None:
        """Take in how far an attempt of a rank is; what comes after the word of its death is told of that, too."""
        self.touched = now
        further = step is not None and (self.step is None or step > self.step)
        newer = checkpoint is not None and (self.checkpoint is None or checkpoint > self.checkpoint)
        if further or newer:
            self.step, self.checkpoint = step if further else self.step, checkpoint if newer else self.checkpoint
            if self.counted(attempt):
                self.deaths[-1] = self.deaths[-1]._replace(step=self.step, checkpoint=self.checkpoint)

    def counted(self, attempt: int) -> bool:
        """Return whether the death of a rank's attempt belongs to one that is known: the first of a launch counts."""
        return bool(self.deaths) and attempt <= self.deaths[-1].attempt

    def died(self, rank: int, host: str, attempt: int, now: int) -> None:
        """Take in that the run crashed; for the arguments see `Death`."""
        self.deaths.append(Death(attempt, now, rank, host, self.step, self.checkpoint))
        del self.deaths[:-_DEATHS_MAX]

    def in_vain(self) -> list[Death]:
        """Return the last deaths between which the run came no further: no newer checkpoint, or, if it never told of
        one, no further step.
        """
        marks = [self._mark(death) for death in self.deaths]
        return self.deaths[marks.index(marks[-1]) :] if marks else []

    def dump(self) -> dict[str, Any]:
        """Return what is kept of it elsewhere, as JSON."""
        gpus = [[*where, *gpu] for where, gpu in self.gpus.items()]
        deaths = [list(death) for death in self.deaths]
        return {"step": self.step, "checkpoint": self.checkpoint, "deaths": deaths, "gpus": gpus}

    def load(self, told: dict[str, Any]) -> None:
        """Take in what was kept; of what several ranks' records say the furthest holds.

        Raises:
            KeyError, TypeError, ValueError: it is not what `dump` returns.
        """
        self.reach(0, told["step"], told["checkpoint"], self.touched)
        deaths = [Death(*death) for death in told["deaths"]]
        if [death.at for death in deaths[-1:]] > [death.at for death in self.deaths[-1:]]:
            self.deaths = deaths
        self.gpus |= {(host, where): Gpu(*gpu) for host, where, *gpu in told["gpus"]}

    def _mark(self, death: Death) -> int | None:
        return death.step if self.checkpoint is None else death.checkpoint


def place(pci: str) -> str:
    """Return a GPU's PCI address as domain, bus and device, which NVML and the kernel's log write differently."""
    domain, _, rest = pci.lower().partition(":")
    return f"{domain.lstrip('0') or '0'}:{rest.partition('.')[0]}"
