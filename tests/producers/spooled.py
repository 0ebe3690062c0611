"""What a run's spool holds, as the tests compare it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import runwire
from runwire.spool import Item, Part, Reader, Rows, Told
from runwire.wire import TableRows


def logged(run: runwire.Run | Path) -> list[tuple[int, dict[str, float]]]:
    """The rows: step and values."""
    found = []
    for item in _items(run):
        if isinstance(item, Rows):
            width = len(item.data) // item.count
            for at in range(0, len(item.data), width):
                step, _, *values = struct.unpack_from(f"<qq{len(item.keys)}d", item.data, at + 24)
                found.append((step, dict(zip(item.keys, values, strict=True))))
    return found


def told(run: runwire.Run | Path, kind: str) -> list[dict[str, Any]]:
    """The data of the events of a kind."""
    return [item.event["data"] for item in _items(run) if isinstance(item, Told) and item.event["type"] == kind]


def kinds(run: runwire.Run | Path) -> list[str]:
    """The kinds of the events."""
    return [item.event["type"] for item in _items(run) if isinstance(item, Told)]


def parts(run: runwire.Run | Path) -> list[TableRows]:
    """The parts of tables."""
    return [TableRows.parse(item.message) for item in _items(run) if isinstance(item, Part)]


def _items(run: runwire.Run | Path) -> Iterator[Item]:
    folder = run if isinstance(run, Path) else run.folder
    assert folder is not None
    reader = Reader(folder)
    while items := reader.read(gone=True):
        yield from items
    reader.close()
