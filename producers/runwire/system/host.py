"""The figures of the whole host."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from runwire.wire.names import SYSTEM

_LOOPBACK = {"lo", "lo0"}


class Host:
    """Processors, memory, disk and network of the host.

    Args:
        home: the disk of which is told how full it is.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._before: dict[str, int] = {}
        self._at = 0.0

    def read(self) -> dict[str, float]:
        """Return the figures; see docs/sdk.md."""
        memory = psutil.virtual_memory()
        values = {
            "cpu": psutil.cpu_percent(),
            "memory": float(memory.total - memory.available),
            "memory_percent": memory.percent,
            **self._room(),
            **self._rates(),
        }
        return {SYSTEM + name: value for name, value in values.items()}

    def _room(self) -> dict[str, float]:
        try:
            disk = psutil.disk_usage(str(self._home))
        except OSError:  # it was removed, or its disk is away
            return {}
        return {"disk/percent": disk.percent, "disk/free": float(disk.free)}

    def _rates(self) -> dict[str, float]:
        """Return how much moved a second since the last call; nothing of what was not there then."""
        now, totals = time.monotonic(), _totals()
        seconds, before = now - self._at, self._before
        self._at, self._before = now, totals
        # A counter that went back began anew: a disk or an interface is gone.
        return {
            name: (total - before[name]) / seconds
            for name, total in totals.items()
            if seconds > 0 and name in before and total >= before[name]
        }


def _totals() -> dict[str, int]:
    """Return how many bytes moved since the host was started."""
    totals: dict[str, int] = {}
    if (disk := psutil.disk_io_counters()) is not None:  # a container may have none
        totals |= {"disk/read": disk.read_bytes, "disk/write": disk.write_bytes}
    links = [link for name, link in psutil.net_io_counters(pernic=True).items() if name not in _LOOPBACK]
    if links:
        totals["network/received"] = sum(link.bytes_recv for link in links)
        totals["network/sent"] = sum(link.bytes_sent for link in links)
    return totals
