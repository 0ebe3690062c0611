"""A worker's name in its consumer group, which it keeps over restarts.

Kafka gives a member that comes back under its old name its partitions at once, where a nameless one waits until its
predecessor is given up. But two living members of one name evict each other for ever: so a name goes with a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import socket
from pathlib import Path


class Slot:
    """The first free place of a folder, held until the process ends, however it ends.

    Attributes:
        name: unique among the workers of all hosts and folders.
        unreadable: a file of this place for `runwire_faust.flood`.

    Raises:
        OSError: the folder is missing, can't be written, or lies on a disk that knows no locks.
    """

    def __init__(self, folder: Path) -> None:
        where = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
        for number in itertools.count():
            self._descriptor = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._descriptor)
                continue
            self.name = f"{socket.gethostname()}-{where}-{number}"
            self.unreadable = folder / f"{number}.unreadable.json"
            return
