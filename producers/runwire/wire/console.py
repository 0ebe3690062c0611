"""Lines of console output: a few hundred a message, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from runwire.errors import WireError
from runwire.wire.json import dumps
from runwire.wire.messages import VERSION, _record
from runwire.wire.names import ATTEMPT_SHIFT, check_rank, check_run

#: What came by which descriptor; both, where the two lead to the same place.
STREAMS = ("stdout", "stderr", "both")
_UINT32, _INT64 = 2**32, 2**63


class ConsoleLine(NamedTuple):
    """What a line held when it was recorded.

    Attributes:
        record: counts up in an attempt of a run and rank; of two records of a line the later counts.
        n: the line's number in all that this attempt wrote; where numbers are missing, lines were left out.
        stream: one of `STREAMS`.
        ts: when the line was last written to, microseconds since the epoch.
        text: without escape sequences.
    """

    record: int
    n: int
    stream: str
    ts: int
    text: str

    @classmethod
    def check(cls, value: Any) -> ConsoleLine:
        """Return the line that a list of these says.

        Raises:
            WireError: it says none.
        """
        if isinstance(value, list) and len(value) == len(cls._fields):
            record, n, stream, ts, text = value
            numbers = _number(record, 0, _UINT32) and _number(n, 0, _INT64) and _number(ts, -_INT64, _INT64)
            if numbers and stream in STREAMS and isinstance(text, str):
                return cls(*value)
        raise WireError(f"{value!r:.80} is no line of console output: expected {', '.join(cls._fields)}")


@dataclass(frozen=True)
class ConsoleLines:
    """Some lines that one process of a run wrote.

    Attributes:
        attempt: of that run and rank.
        lines: by rising record.
    """

    run: str
    rank: int
    attempt: int
    lines: Sequence[ConsoleLine]

    def seq(self, line: ConsoleLine) -> int:
        """Return the place of a line's record in all that the run and rank ever wrote."""
        return self.attempt << ATTEMPT_SHIFT | line.record

    def encode(self) -> bytes:
        """Return the message's value."""
        return dumps({"v": VERSION, **vars(self), "lines": [*map(list, self.lines)]})

    @classmethod
    def parse(cls, value: bytes) -> ConsoleLines:
        """Read a message's value.

        Raises:
            WireError: it holds no console output.
        """
        told = _record(value)
        attempt, lines = told.get("attempt"), told.get("lines")
        if not isinstance(attempt, int) or not _number(attempt, 0, _UINT32):
            raise WireError(f"attempt is {attempt!r:.40}, expected an integer from 0 to {_UINT32 - 1}")
        if not isinstance(lines, list):
            raise WireError(f"lines is {lines!r:.80}, expected a list")
        return cls(check_run(told.get("run")), check_rank(told.get("rank")), attempt, [*map(ConsoleLine.check, lines)])


def _number(value: Any, least: int, end: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < end
