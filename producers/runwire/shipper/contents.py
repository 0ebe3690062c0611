"""What lies in a spool besides its segments: most have nothing, and are to cost next to nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from runwire.console.record import LOCK
from runwire.spool.files import FOLDER

#: Two changes of a folder may have the same time, so one that is recent is looked at again.
_RECENT_NS = 2_000_000_000


class Contents:
    """Looks into a spool's folder where that has changed: one system call says that nothing came.

    Args:
        folder: the spool.

    Attributes:
        console: whether there is, or was, a record of what its process prints.
        files: whether there are, or were, files to upload or artifacts to tell of.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)  # a Path costs more than the look
        self._changed: int | None = None
        self.console = self.files = False
        self.look()

    def look(self) -> None:
        """Find out what has come."""
        try:
            changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 -- as above
            if changed == self._changed and time.time_ns() - changed > _RECENT_NS:
                return
            names = os.listdir(self._folder)  # noqa: PTH208 -- likewise
        except OSError:
            return
        self._changed = changed
        self.console |= LOCK in names
        self.files |= FOLDER in names
