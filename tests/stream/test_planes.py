"""Frames of any shapes, side by side, become the points that a loop over their rows makes of them."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runwire_stream.planes import Frame, points

WORDS = st.integers(0, 2**64 - 1)


@st.composite
def frames(draw: st.DrawFn) -> list[Frame]:
    """Frames with and without times of their own, some of them so large that they are dealt with alone; any bits."""
    out = []
    for _ in range(draw(st.integers(0, 6))):
        keys, rows = draw(st.integers(0, 4)), draw(st.sampled_from([1, 1, 1, 2, 3, 100, 300]))
        timed = draw(st.booleans()) or not keys
        series = draw(st.lists(st.integers(0, 9), min_size=keys + timed, max_size=keys + timed, unique=True))
        seed = draw(st.integers(0, 2**32))
        words = np.random.default_rng(seed).integers(0, 2**64, (3 + keys) * rows, np.uint64, endpoint=False)
        words[: min(len(words), 4)] = draw(st.lists(WORDS, min_size=4, max_size=4))[: len(words)]
        before = b"header  " * draw(st.integers(0, 3))
        out.append(Frame(before + words.tobytes(), len(before), np.array(series, np.int64), keys, rows))
    return out


@given(frames())
def test_frames_become_what_a_loop_makes_of_them(sent: list[Frame]) -> None:
    """Series, step, seq and all bits of each value, in order; and of each series the newest attempt."""
    expected, newest = [], [-1] * 10
    for frame in sent:
        planes = [
            frame.value[start : start + 8 * frame.rows]
            for start in range(frame.start, frame.start + frame.size, 8 * frame.rows)
        ]
        seq, step, ts = (struct.unpack(f"<{frame.rows}{kind}", planes[place]) for place, kind in enumerate("Qqq"))
        times = struct.pack(f"<{frame.rows}d", *(at / 1e6 for at in ts))
        values = [struct.unpack(f"<{frame.rows}Q", plane) for plane in (*planes[3:], times)]
        for place, series in enumerate(frame.series.tolist()):
            expected += [(series, step[row], seq[row], values[place][row]) for row in range(frame.rows)]
            newest[series] = max(newest[series], max(seq) >> 32)
    made, attempts = points(sent, 10)
    bits = np.ascontiguousarray(made["value"]).view(np.uint64)
    columns = (made["series"], made["position"], made["seq"], bits)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    assert attempts.tolist() == newest
