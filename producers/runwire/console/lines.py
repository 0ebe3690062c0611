"""Lines as a terminal would show them: what is rewritten in place stays one line, whose last text counts."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import NamedTuple

#: A longer line is cut.
LINE_CHARS_MAX = 8000
#: So many lines above the cursor can still be rewritten.
_ROWS_MAX = 100
#: An escape sequence that is not whole within so many characters is none.
_SEQUENCE_CHARS_MAX = 512

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<numbers>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links and the like, up to their end
    r"|\x1b[ -/]*[0-~]"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
#: How sequences move the cursor: down and to the right.
_MOVES = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1), "E": (1, 0), "F": (-1, 0)}
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")


class Line(NamedTuple):
    """What a line holds now.

    Attributes:
        n: its number in all that the process wrote, from 0 on.
        stream: "stdout" or "stderr"; "both" where they go to the same place.
        ts: when it was last written to, microseconds since the epoch.
        text: without escape sequences.
    """

    n: int
    stream: str
    ts: int
    text: str


class _Row:
    __slots__ = ("changed", "left", "n", "overwritten", "text", "ts")

    def __init__(self, n: int) -> None:
        self.n, self.text, self.ts = n, "", 0
        self.changed = True
        self.left = False
        self.overwritten = False


class Lines:
    """Follows one stream.

    Args:
        stream: its name.
        number: gives the next line's number.
        tell: takes in what a line holds; of one number the last counts.
    """

    def __init__(self, stream: str, number: Callable[[], int], tell: Callable[[Line], None]) -> None:
        self._stream, self._number, self._tell = stream, number, tell
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        self._rows: list[_Row] = []
        #: Where the cursor is; the row may not be there yet.
        self._at = self._column = 0

    def feed(self, data: bytes, ts: int) -> None:
        """Take in what was written, at ``ts`` (microseconds since the epoch). A line that is left is told at once."""
        text = self._begun + self._decoder.decode(data)
        self._begun = ""
        if (begun := _BEGUN.search(text, max(len(text) - _SEQUENCE_CHARS_MAX, 0))) is not None:
            self._begun, text = begun[0], text[: begun.start()]
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if kind == "text":
                self._write(token[0], ts)
            elif kind == "control":
                self._control(token[0], ts)
            elif kind == "final":
                self._sequence(token["final"], token["numbers"], ts)

    def settle(self) -> None:
        """Tell what has changed and was not told; called once a second, and at the end."""
        for row in self._rows:
            self._say(row)

    def jump(self) -> bool:
        """Go on behind what is left out, in a new line. Return whether a line was begun, whose end is left out, too."""
        if begun := self._at < len(self._rows):
            row = self._rows[self._at]
            row.text, row.changed = row.text + "…", True
        self.settle()
        self._rows, self._at, self._column, self._begun = [], 0, 0, ""
        self._decoder.reset()
        return begun

    def _row(self, ts: int) -> _Row:
        """Return the row that the cursor is in."""
        while len(self._rows) <= self._at:
            self._rows.append(_Row(self._number()))
            self._rows[-1].ts = ts
        if len(self._rows) > _ROWS_MAX:
            gone = len(self._rows) - _ROWS_MAX
            for row in self._rows[:gone]:
                self._say(row)
            del self._rows[:gone]
            self._at -= gone
        return self._rows[self._at]

    def _write(self, text: str, ts: int) -> None:
        row, start = self._row(ts), self._column
        self._column = end = start + len(text)
        if start > LINE_CHARS_MAX:
            return
        if start == len(row.text):
            row.text += text
        else:
            row.text = row.text[:start].ljust(start) + text + row.text[end:]
            row.overwritten = True
        if len(row.text) > LINE_CHARS_MAX:
            row.text = row.text[:LINE_CHARS_MAX] + "…"
        row.ts, row.changed = ts, True

    def _control(self, control: str, ts: int) -> None:
        if control == "\n":
            row = self._row(ts)
            if not row.left:  # told again by `settle` if it is rewritten later
                row.left = True
                self._say(row)
            self._at += 1
            self._column = 0
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(self._column - 1, 0)

    def _sequence(self, final: str, numbers: str, ts: int) -> None:
        first = numbers.split(";", maxsplit=1)[0]
        count = int(first) if first.isdecimal() and len(first) < 5 else 0
        if final in _MOVES:
            down, right = _MOVES[final]
            self._at = max(min(self._at + down * max(count, 1), len(self._rows) - 1), 0) if down else self._at
            self._column = min(max(self._column + right * max(count, 1), 0), LINE_CHARS_MAX) if right else self._column
            if final in "EF":
                self._column = 0
        elif final == "G":
            self._column = min(max(count - 1, 0), LINE_CHARS_MAX)
        elif final == "K":
            self._erase(count, ts)
        elif final == "J" and count == 0:
            self._erase(0, ts)
            for row in self._rows[self._at + 1 :]:
                row.text, row.ts, row.changed = "", ts, True
        elif final in "HfJ":  # a program that draws the whole screen: what is on it stays as lines
            self._at = len(self._rows)
            self._column = 0

    def _erase(self, what: int, ts: int) -> None:
        if self._at >= len(self._rows):
            return
        row, column = self._rows[self._at], self._column
        before, behind = row.text[:column], row.text[column:]
        if what == 0:
            text = before
        elif what == 1:
            text = " " * len(before) + behind
        else:
            text = ""
        if text != row.text:
            row.text, row.ts, row.changed, row.overwritten = text, ts, True, True

    def _say(self, row: _Row) -> None:
        if row.changed:
            row.changed = False
            # What a longer text before it left behind was blanked out, not written.
            text = row.text.rstrip(" ") if row.overwritten else row.text
            self._tell(Line(row.n, self._stream, row.ts, text))
