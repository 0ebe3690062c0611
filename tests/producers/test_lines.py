"""Lines as a terminal shows them, from bytes that come in any pieces."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.console.lines import LINE_CHARS_MAX, Line, Lines


def shown(*pieces: bytes) -> list[str]:
    """The last text of each line, in the order of their numbers."""
    told: dict[int, Line] = {}
    numbers = count()
    lines = Lines("stdout", lambda: next(numbers), lambda line: told.update({line.n: line}))
    for ts, piece in enumerate(pieces):
        lines.feed(piece, ts)
    lines.settle()
    assert sorted(told) == list(range(len(told)))
    return [told[n].text for n in sorted(told)]


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\nlast", ["one", "", "last"]),
        (b"windows\r\nlines\r\n", ["windows", "lines"]),
        (b"10 %\r55 %\r100 %\ndone\n", ["100 %", "done"]),
        (b"a long text\rshort\n", ["shortg text"]),
        (b"a long text\rshort\x1b[K\n", ["short"]),
        (b"bar\r       \rnext\n", ["next"]),
        (b"kept  \n", ["kept  "]),
        (b"ab\b\bxy\n", ["xy"]),
        (b"\x1b[1;31mred\x1b[0m\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\x1b(B\n", ["redlink"]),
        (b"one\ntwo\n\x1b[2A\x1b[2Knew one\n\x1b[2Knew two\n", ["new one", "new two"]),
        (b"one\ntwo\x1b[1FONE\x1b[1Eright\x1b[4Dx\n", ["ONE", "rxght"]),
        (b"one\ntwo\nthree\x1b[2A\r\x1b[Jrest\n", ["rest", "", ""]),
        (b"a\x1b[5Cb\x1b[3Gc\n", ["a c   b"]),
        (b"before\n\x1b[2J\x1b[Hscreen\n", ["before", "screen"]),
        ("ä\N{SNOWMAN}\N{PILE OF POO}\n".encode(), ["ä\N{SNOWMAN}\N{PILE OF POO}"]),
        (b"\xffx\xc3\n", ["\N{REPLACEMENT CHARACTER}x\N{REPLACEMENT CHARACTER}"]),
        (b"\x00a\x07\tb\x9b\n", ["a\tb\N{REPLACEMENT CHARACTER}"]),
        (b"x" * (LINE_CHARS_MAX + 5) + b"\nend", ["x" * LINE_CHARS_MAX + "…", "end"]),
    ],
)
def test_lines_are_those_that_a_terminal_shows(written: bytes, lines: list[str]) -> None:
    """However the bytes are cut into pieces, in the midst of a letter or of an escape sequence too."""
    assert shown(written) == lines
    assert shown(*(written[at : at + 1] for at in range(len(written)))) == lines


@given(st.lists(st.binary() | st.sampled_from([b"\x1b[", b"A", b"K", b"\r", b"\n", b"12;", b"\x1b]0;", b"text"])))
def test_whatever_is_written_makes_lines_that_the_cut_does_not_change(pieces: list[bytes]) -> None:
    """No bytes are an error, and texts hold nothing that a terminal would take for a command."""
    lines = shown(b"".join(pieces))
    assert shown(*pieces) == lines
    assert not any(ord(letter) < 32 and letter != "\t" for line in lines for letter in line)


def test_the_cursor_reaches_the_last_hundred_lines() -> None:
    """What is further above stays as it was; so much is held in memory, and no more."""
    numbers = [str(n) for n in range(500)]
    lines = shown("".join(f"{n}\n" for n in numbers).encode() + b"\x1b[9999Anew")
    assert lines == [*numbers[:400], "new", *numbers[401:]]
