"""How much of a stream is recorded: all that people can read, and of a flood the beginning and each second's end."""

from __future__ import annotations

from collections.abc import Callable

from runwire.console.lines import Lines

#: What is recorded of a stream: so much at once, and so much a second in the long run.
BURST_BYTES, RATE_BYTES = 4 << 20, 1 << 16
#: Of what is left out, the end is recorded: it may be what comes before a crash.
_TAIL_BYTES = 1 << 14
#: What a record of a line takes besides its text.
_LINE_BYTES = 64


class Flood:
    """Lets through to a stream's lines what is to be recorded.

    Args:
        lines: the stream's.
        skip: counts lines that are left out.
    """

    def __init__(self, lines: Lines, skip: Callable[[int], object]) -> None:
        self._lines, self._skip = lines, skip
        self._left = float(BURST_BYTES)
        self._filled = 0.0
        self._tail: bytes | None = None
        self._dropped = 0

    def feed(self, data: bytes, ts: int, now: float) -> None:
        """Take in what was written, at ``ts`` (microseconds since the epoch), ``now`` by the monotonic clock."""
        if self._tail is None:
            self._left = min(self._left + (now - self._filled) * RATE_BYTES, BURST_BYTES)
            self._filled = now
            size = len(data) + _LINE_BYTES * data.count(b"\n")
            if size <= self._left:
                self._left -= size
                self._lines.feed(data, ts)
                return
            self._tail = b""
        tail = self._tail + data
        self._tail = tail[-_TAIL_BYTES:]
        if len(tail) > _TAIL_BYTES:
            self._dropped += tail.count(b"\n", 0, len(tail) - _TAIL_BYTES)

    def settle(self, ts: int) -> None:
        """Record the end of what was left out, and tell what changed; called once a second, and at the end."""
        tail, self._tail = self._tail, None
        if tail is not None:
            if self._dropped:
                cut = tail.find(b"\n") + 1  # from a line's begin on
                tail, dropped, self._dropped = tail[cut:], self._dropped + bool(cut), 0
                self._skip(dropped - self._lines.jump())
            self._left -= len(tail) + _LINE_BYTES * tail.count(b"\n")
            self._lines.feed(tail, ts)
        self._lines.settle()
