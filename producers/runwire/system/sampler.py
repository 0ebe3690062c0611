"""Takes a sample of all sources as often as it is to, and hands it to the run's recorder."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runwire._recorder import Recorder
from runwire._say import logger

if TYPE_CHECKING:
    from runwire.system.kernel import KernelLog  # what reads the machine is loaded by the first look


class Source(Protocol):
    """A part of the machine that figures are read of."""

    def read(self) -> dict[str, float]:
        """Return its figures by the metrics' names, those that can be read; rates are since the last call."""


class Sampler:
    """Samples for a run; used by one thread.

    Args:
        recorder: the run's.
        home: the disk of which is told how full it is.
        interval: seconds from sample to sample; 0 for none.
        machine: whether to tell once which GPUs the process has.
        local_rank: which of the host's processes of the job this is: what is the host's own is told by the first alone.
            None for the only one.
    """

    def __init__(
        self, recorder: Recorder, home: Path, interval: float, *, machine: bool, local_rank: int | None
    ) -> None:
        self._recorder, self._home = recorder, home
        self._interval = interval or math.inf
        self._machine, self._local_rank = machine, local_rank
        self._sources: list[Source] = []
        self._failed: set[str] = set()
        self._kernel: KernelLog | None = None
        self._due = -math.inf

    def look(self) -> None:
        """Take a sample if it is time to. The first look only begins: rates need a before."""
        self._look_for_faults()
        now = time.monotonic()
        if now < self._due:
            return
        first, self._due = self._due == -math.inf, now + self._interval
        if first:
            self._begin()
            self._read()
        elif values := self._read():
            self._recorder.sample(values)

    def close(self) -> None:
        """End the samples."""
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    # What these load takes time, which is not to be init()'s.

    def _begin(self) -> None:
        for what, begin in (("GPUs", self._begin_gpus), ("machine", self._begin_machine)):
            try:
                begin()
            except Exception as error:  # noqa: BLE001, PERF203 -- whatever is wrong with a machine, the training goes on
                self._fail(what, error)

    def _begin_gpus(self) -> None:
        from runwire.system import gpu  # noqa: PLC0415

        gpus = gpu.find(self._local_rank)
        if gpus is not None and self._machine:
            self._recorder.event("about", {"gpus": gpus.about()})
        if self._interval == math.inf:
            return
        if gpus is not None:
            self._sources.append(gpus)
        if not self._local_rank and gpu.DRIVER.exists():
            from runwire.system.kernel import KernelLog  # noqa: PLC0415

            with suppress(OSError):  # mostly it may not be read
                self._kernel = KernelLog()

    def _begin_machine(self) -> None:
        if self._interval == math.inf:
            return
        try:
            from runwire.system.process import Process  # noqa: PLC0415
        except ImportError as error:
            logger.info("no figures of the machine: %s; `pip install psutil` brings them", error)
            return
        self._sources.append(Process())
        if not self._local_rank:
            from runwire.system.host import Host  # noqa: PLC0415

            self._sources.append(Host(self._home))

    def _look_for_faults(self) -> None:
        for fault in self._kernel.xids() if self._kernel is not None else ():
            title = f"GPU fault: XID {fault.code} of the GPU at PCI {fault.pci}"
            xid = {"code": fault.code, "pci": fault.pci}
            self._recorder.event("alert", {"title": title, "text": fault.text, "level": "WARN", "xid": xid})

    def _read(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for source in self._sources:
            try:
                values |= source.read()
            except Exception as error:  # noqa: BLE001, PERF203 -- whatever is wrong with a machine, the training goes on
                self._fail(type(source).__name__.lower(), error)
        return values

    def _fail(self, what: str, error: Exception) -> None:
        if what not in self._failed:
            self._failed.add(what)
            logger.info("figures of the %s are missing where they cannot be read: %r", what, error)
