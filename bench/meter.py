"""What programs take while something goes on: CPU seconds, and memory, looked at again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from pipeline import cpu_seconds, memory_megabytes


class Meter:
    """Measures from entering to leaving; every program must live as long.

    Args:
        programs: process ids by the program's name.
        every: seconds between two looks at the memory.

    Attributes:
        samples: when one looked (seconds since entering) and the megabytes of each program then.
        cpu: CPU seconds of each program; complete once left.
        seconds: how long it was; complete once left.
    """

    def __init__(self, programs: Mapping[str, Sequence[int]], every: float = 0.5) -> None:
        self._programs = programs
        self._every = every
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)
        self.samples: list[tuple[float, dict[str, float]]] = []
        self.cpu: dict[str, float] = {}
        self.seconds = 0.0

    def __enter__(self) -> Meter:  # noqa: PYI034 -- Self is not in Python 3.10
        self._before = self._cpu()
        self._began = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._halt.set()
        self._thread.join()
        if kind is None:
            self.seconds = time.perf_counter() - self._began
            self.cpu = {name: used - self._before[name] for name, used in self._cpu().items()}

    @property
    def peak(self) -> dict[str, float]:
        """The most memory that each program had, MB."""
        return {name: max(sample[name] for _, sample in self.samples) for name in self._programs}

    def _cpu(self) -> dict[str, float]:
        return {name: sum(map(cpu_seconds, pids)) for name, pids in self._programs.items()}

    def _look_again_and_again(self) -> None:
        while True:
            try:
                sample = {name: sum(map(memory_megabytes, pids)) for name, pids in self._programs.items()}
            except (FileNotFoundError, ProcessLookupError):  # one ended: leaving will say so
                return
            self.samples.append((time.perf_counter() - self._began, sample))
            if self._halt.wait(self._every):
                return
