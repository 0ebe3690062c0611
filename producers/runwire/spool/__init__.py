"""The spool: what a training process logged, on this host's disk, until it is delivered.

`Writer` is the training process's end, `Reader` the shipper's; `folder` says where spools lie and whose they are,
`lock` whether their process lives, and `format` is the layout of the bytes.
"""

from __future__ import annotations

from runwire.spool.folder import DELIVERED, INBOX, LOCK, TERMINATED, Meta
from runwire.spool.reader import Damage, Item, Part, Position, Reader, Rows, Told
from runwire.spool.writer import Writer

__all__ = [
    "DELIVERED",
    "INBOX",
    "LOCK",
    "TERMINATED",
    "Damage",
    "Item",
    "Meta",
    "Part",
    "Position",
    "Reader",
    "Rows",
    "Told",
    "Writer",
]
