"""A fault of a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from runwire.wire import ATTEMPT_SHIFT, Event, Pulse
from runwire.wire.messages import Severity
from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.course import place
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import Rule, outlived


class _Class(NamedTuple):
    codes: frozenset[int]
    severity: Severity | None
    advice: str


_CLASSES = (
    _Class(frozenset({43, 63, 92}), None, "nothing is to be done"),
    _Class(
        frozenset({13, 31, 94}),
        "warning",
        "restart the program; 13 and 31 are mostly errors of its own, an index or an address out of bounds",
    ),
    _Class(frozenset({45}), "warning", "look what ended the program: mostly this follows from another fault"),
    _Class(frozenset({48, 74}), "critical", "run NVIDIA's diagnosis (dcgmi diag) on the host before it is used again"),
    _Class(frozenset({46, 64, 95, 119, 120}), "critical", "reset the GPU"),
    _Class(frozenset({79}), "critical", "reboot the host: the GPU has fallen off the bus"),
)
_UNKNOWN = _Class(frozenset(), "warning", "look it up in NVIDIA's catalogue of XIDs")


class GpuXid(Rule):
    """Detects that NVIDIA's driver reported a fault of a GPU (XID) in the kernel's log of a run's host.

    Formula: one alert for each GPU and code of an attempt. By code: 46, 64, 95, 119, 120 (reset the GPU), 79 (reboot)
    and 48, 74 (diagnose) are critical; 13, 31, 94 (restart the program), 45, and those not named here are warnings; 43,
    63 and 92 are not told. The GPU is named with the rank that uses it. The rank's next attempt resolves it.

    Source: NVIDIA's catalogue of XIDs, with the actions that leptonai/gpud takes for them.

    False alarms: 13 and 31 are mostly the program's own errors; a GPU of the host that the run does not use. The log
    can be read only where ``kernel.dmesg_restrict`` allows it, and then by the first rank of each host.

    Example::

        rules:
          - name: gpu_xid
            severity: critical
    """

    name = "gpu_xid"

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge a fault that the host's first rank read in the log."""
        xid = event.data.get("xid") if event.type == "alert" else None
        if not isinstance(xid, dict):
            return
        code, pci = xid.get("code"), xid.get("pci")
        if not isinstance(code, int) or not isinstance(pci, str):
            return
        found = next((one for one in _CLASSES if code in one.codes), _UNKNOWN)
        if found.severity is None:
            return
        gpu = rank.course.gpus.get((rank.host, place(pci)))
        what = (
            f"the GPU at PCI {pci}" if gpu is None else f"GPU {gpu.number} of rank {gpu.rank} ({gpu.uuid}, PCI {pci})"
        )
        said = str(event.data.get("text") or "")
        fire = self.fire(
            rank,
            rank=rank.rank if gpu is None else gpu.rank,
            attempt=event.seq >> ATTEMPT_SHIFT,
            which=crc32(f"{rank.host} {pci} {code} {event.seq >> ATTEMPT_SHIFT}".encode()),
            title=f"{rank.label}: GPU fault XID {code} on {rank.host}",
            text=f"{rank.who}: XID {code} of {what}{': ' if said else ''}{said}. What to do: {found.advice}.",
            severity=found.severity,
            value=float(code),
            caused_at=event.ts,
        )
        known = [alert for alert in book.of(event.run, self.name) if alert.id == fire.id]
        if all((fire.attempt, fire.caused_at) > (alert.attempt or 0, alert.caused_at or 0) for alert in known):
            yield fire

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge that a next attempt lives."""
        for alert in book.of(pulse.run, self.name):
            if alert.rank == pulse.rank and outlived(alert, pulse.attempt):
                yield Resolve(alert, pulse.attempt, "the run was resumed.")
