"""Console output on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from runwire.errors import WireError
from runwire.wire import ConsoleLine, ConsoleLines, dumps, loads

LINES = [ConsoleLine(0, 0, "stdout", 1, "one"), ConsoleLine(7, 2**40, "both", -1, "zwei \N{SNOWMAN}\t")]


def test_lines_come_back_as_they_were_sent() -> None:
    """Every field of every line, and their place in all that the run ever wrote."""
    sent = ConsoleLines("r", 3, 1_700_000_000, LINES)
    assert ConsoleLines.parse(sent.encode()) == sent
    assert [sent.seq(line) for line in LINES] == [1_700_000_000 << 32, 1_700_000_000 << 32 | 7]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("run", "../x"),
        ("rank", -1),
        ("attempt", 2**32),
        ("attempt", None),
        ("lines", {}),
        ("lines", [[0, 0, "stdout", 1]]),
        ("lines", [[0, 0, "stdin", 1, "x"]]),
        ("lines", [[2**32, 0, "stdout", 1, "x"]]),
        ("lines", [[0, -1, "stdout", 1, "x"]]),
        ("lines", [[0, True, "stdout", 1, "x"]]),
        ("lines", [[0, 0, "stdout", 2**63, "x"]]),
        ("lines", [[0, 0, "stdout", 1, None]]),
    ],
)
def test_what_is_no_console_output_is_refused(field: str, value: Any) -> None:
    """Each field is checked where it enters."""
    record = loads(ConsoleLines("r", 0, 1, LINES).encode()) | {field: value}
    with pytest.raises(WireError):
        ConsoleLines.parse(dumps(record))
