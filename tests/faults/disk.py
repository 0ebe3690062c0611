"""A disk that fills up: a file system of two megabytes where one may mount, else a limit on how long files may grow."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BYTES = 2 << 20
_AGAIN_SECONDS = 0.02


class Disk:
    """Where the small run's home lies.

    Attributes:
        home: the home.
        means: how it is filled, for people.
    """

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.home = folder / "home"
        self._ballast = folder / "ballast"
        self._mounted = mounted
        self.means = "a tmpfs of 2 MB" if mounted else "a limit on the length of files (mounting is not permitted here)"

    def fill(self, seconds: float, writer: int) -> Iterator[float]:
        """Fill it, and keep it full for a while; yields how long to wait before going on.

        Args:
            seconds: how long.
            writer: the process that writes to it.
        """
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                if self._mounted:
                    self._take_room()  # what is delivered meanwhile makes some
                else:
                    _limit(writer, 0)
                yield _AGAIN_SECONDS
        finally:
            self._ballast.unlink(missing_ok=True)
            if not self._mounted:
                _limit(writer, resource.RLIM_INFINITY)

    def _take_room(self) -> None:
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass


@contextmanager
def small(folder: Path) -> Iterator[Disk]:
    """A disk at ``folder``, gone afterwards."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "tmpfs", str(folder)]
    mounted = False
    with suppress(FileNotFoundError):
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        disk = Disk(folder, mounted=mounted)
        disk.home.mkdir()
        yield disk
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


def _limit(pid: int, size: int) -> None:
    """Let a process's files grow to ``size`` bytes; longer ones take no more."""
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
