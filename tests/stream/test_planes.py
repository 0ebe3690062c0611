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
        series = np.array(draw(st.permutations(range(10)))[: keys + timed], np.int64)
        if out and len(series) == len(out[-1].series) and draw(st.booleans()):
            series = out[-1].series  # of the same header
        seed = draw(st.integers(0, 2**32))
        words = np.random.default_rng(seed).integers(0, 2**64, (3 + keys) * rows, np.uint64, endpoint=False)
        words[: min(len(words), 4)] = draw(st.lists(WORDS, min_size=4, max_size=4))[: len(words)]
        before = b"header  " * draw(st.integers(0, 3))
        out.append(Frame(before + words.tobytes(), len(before), series, keys, rows))
    return out


@given(frames())
def test_frames_become_what_a_loop_makes_of_them(sent: list[Frame]) -> None:
    """Step, seq and all bits of each value, in order within their series; and of each series the newest attempt."""
    expected: list[list[tuple[int, int, int]]] = [[] for _ in range(10)]
    newest = [-1] * 10
    for frame in sent:
        planes = [
            frame.value[start : start + 8 * frame.rows]
            for start in range(frame.start, frame.start + frame.size, 8 * frame.rows)
        ]
        seq, step, ts = (struct.unpack(f"<{frame.rows}{kind}", planes[place]) for place, kind in enumerate("Qqq"))
        times = struct.pack(f"<{frame.rows}d", *(at / 1e6 for at in ts))
        values = [struct.unpack(f"<{frame.rows}Q", plane) for plane in (*planes[3:], times)]
        for place, series in enumerate(frame.series.tolist()):
            expected[series] += zip(step, seq, values[place], strict=True)
            newest[series] = max(newest[series], max(seq) >> 32)
    made, attempts = points(sent, 10)
    bits = np.ascontiguousarray(made["value"]).view(np.uint64)
    found: list[list[tuple[int, int, int]]] = [[] for _ in range(10)]
    columns = (made["series"], made["position"], made["seq"], bits)
    for series, *point in zip(*(column.tolist() for column in columns), strict=True):
        found[series].append(tuple(point))
    assert found == expected
    assert attempts.tolist() == newest
