"""The figures of the run's own process."""

from __future__ import annotations

import psutil

from runwire.wire.names import SYSTEM


class Process:
    """Processor time, memory and threads of this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def read(self) -> dict[str, float]:
        """Return the figures; see docs/sdk.md."""
        with self._process.oneshot():
            return {
                f"{SYSTEM}process/cpu": self._process.cpu_percent(),
                f"{SYSTEM}process/memory": float(self._process.memory_info().rss),
                f"{SYSTEM}process/threads": float(self._process.num_threads()),
            }
