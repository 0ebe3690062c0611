"""The spool: what a training process logged, on this host's disk, until it is delivered.

`Writer` is the training process's end, `Reader` the shipper's; `folder` says where spools lie and whose they are,
`lock` whether their process lives, and `format` is the layout of the bytes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runwire.spool.folder import DELIVERED, INBOX, LOCK, TERMINATED, Meta
from runwire.spool.writer import Writer

if TYPE_CHECKING:
    from runwire.spool.reader import Damage, Item, Part, Position, Reader, Rows, Told

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

#: A training reads nothing back, so the reader is loaded when first asked for.
_READER = {"Damage", "Item", "Part", "Position", "Reader", "Rows", "Told"}

if not TYPE_CHECKING:  # a type checker would take it that there is whatever one asks for

    def __getattr__(name: str) -> Any:
        if name not in _READER:
            raise AttributeError(f"module 'runwire.spool' has no attribute {name!r}")
        found = globals()[name] = getattr(import_module("runwire.spool.reader"), name)
        return found
