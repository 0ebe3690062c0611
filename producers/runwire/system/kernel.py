"""What the kernel's log says of GPUs: XIDs, by which NVIDIA's driver reports that one went wrong.

To read the log takes a right that a training mostly lacks (``kernel.dmesg_restrict``); then nothing is said.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

LOG = "/dev/kmsg"
_RECORD_BYTES_MAX = 8192
#: So much is read at a time, so that a log that is flooded holds up nobody.
_RECORDS_MAX = 1000
#: As in "6,1234,5678,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, name=python, GPU has fallen off the bus."
_XID = re.compile(r"NVRM: Xid \(PCI:(?P<pci>[0-9A-Fa-f:.]+)\): (?P<code>\d+)(?P<rest>[^\n]*)")


class Xid(NamedTuple):
    """A fault of a GPU: its PCI address, NVIDIA's number for the fault, and what the driver says beside."""

    pci: str
    code: int
    text: str


class KernelLog:
    """Reads on from where the log ends when it is opened.

    Args:
        path: of the log.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: str = LOG) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)
        self._known: set[tuple[str, int]] = set()

    def xids(self) -> list[Xid]:
        """Return the faults since the last call; of those of one GPU and number the first alone, however often."""
        found = []
        for pci, code, rest in _XID.findall(self._read()):
            if (pci, int(code)) not in self._known:
                self._known.add((pci, int(code)))
                found.append(Xid(pci, int(code), rest.strip(", ")))
        return found

    def close(self) -> None:
        """Close the log."""
        os.close(self._fd)

    def _read(self) -> str:
        records = []
        for _ in range(_RECORDS_MAX):
            try:
                record = os.read(self._fd, _RECORD_BYTES_MAX)  # one record a call
            except BrokenPipeError:  # what was next is overwritten: the call after this one goes on behind it
                continue
            except OSError:  # there is no more yet
                break
            if not record:
                break
            records.append(record)
        return b"\n".join(records).decode(errors="replace")
