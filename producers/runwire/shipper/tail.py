"""The last lines that a process printed, as they lie in its spool: what is told with its failure."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from runwire.console.record import segment_name, segments
from runwire.shipper.console import parse_line
from runwire.wire.console import ConsoleLine

LINES_MAX, BYTES_MAX = 20, 4096
_LINE_MAX = 500
#: Of each file so much is looked at: a progress bar may have written one line many times.
_READ_BYTES = 1 << 16


def last_lines(folder: Path) -> list[str]:
    """Return the last lines, oldest first: `LINES_MAX` at most, of `BYTES_MAX` in all."""
    lines: dict[int, ConsoleLine] = {}
    for index in reversed(segments(folder)[-2:]):
        for line in _read(folder / segment_name(index)):
            known = lines.get(line.n)
            if known is None or known.record < line.record:
                lines[line.n] = line
        if len(lines) >= LINES_MAX:
            break
    kept: list[str] = []
    size = 0
    for n in sorted(lines, reverse=True)[:LINES_MAX]:
        text = lines[n].text[:_LINE_MAX]
        size += len(text.encode(errors="replace"))
        if size > BYTES_MAX:
            break
        kept.append(text)
    return kept[::-1]


def _read(path: Path) -> Iterable[ConsoleLine]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _READ_BYTES, 0))
            data = file.read()
    except OSError:  # what is told of a failure is not to fail itself
        return
    texts = data[: data.rfind(b"\n") + 1].splitlines()
    for text in texts[1:] if size > _READ_BYTES else texts:  # the first one may be half a line
        line = parse_line(text)
        if line is not None:
            yield line
