"""Taking away: whole runs that are deleted, and points that have grown old. docs/decisions/0015 says how and why so.

::

    deletion   a run, whole
    retention  the points of runs that ended long ago, as far as rollups tell of them
    files      files that nobody names any more
"""

from __future__ import annotations

from runwire_storage.removal.deletion import delete, sweep
from runwire_storage.removal.files import Pruned, named, prune
from runwire_storage.removal.retention import Expired, expire

__all__ = ["Expired", "Pruned", "delete", "expire", "named", "prune", "sweep"]
