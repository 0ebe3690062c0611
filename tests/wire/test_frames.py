"""Metric records: what goes in comes out, to the bit, and what is no such record is refused with its reason."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.errors import WireError
from runwire.wire import Frame, decode, encode
from runwire.wire.json import dumps

WORDS = st.integers(0, 2**64 - 1)
KEYS = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20), min_size=1, max_size=5, unique=True
)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Any frame; its planes are any bits, so every NaN payload, subnormal and signed zero is among them."""
    keys = draw(KEYS)
    count = draw(st.integers(1, 8))
    plane = st.lists(WORDS, min_size=count, max_size=count).map(lambda words: struct.pack(f"<{count}Q", *words))
    return Frame(keys, count, [draw(plane) for _ in range(3 + len(keys))])


@given(st.lists(frames(), min_size=1, max_size=4))
def test_a_record_gives_back_every_bit_of_every_plane(sent: list[Frame]) -> None:
    """Encoding and decoding keep keys, counts and all 64 bits of each word."""
    run, rank, received = decode(encode("run-1", 7, sent))

    assert (run, rank) == ("run-1", 7)
    assert [(list(frame.keys), frame.count) for frame in received] == [(list(f.keys), f.count) for f in sent]
    assert [[bytes(plane) for plane in frame.planes] for frame in received] == [list(f.planes) for f in sent]


@given(frames(), st.data())
def test_a_record_cut_off_anywhere_is_refused(frame: Frame, data: st.DataObject) -> None:
    """No prefix of a record passes for a record."""
    value = encode("run-1", 0, [frame])

    with pytest.raises(WireError):
        decode(value[: data.draw(st.integers(0, len(value) - 1))])


def _with_header(header: object, planes: bytes = b"") -> bytes:
    body = dumps(header)
    head = b"RWF1" + len(body).to_bytes(4, "little") + body
    return head + bytes(-len(head) % 8) + planes


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ([], "the metric record's header holds no frames"),
        ({"run": "r", "rank": 0}, "the metric record's header holds no frames"),
        ({"run": "../r", "rank": 0, "frames": []}, "is no run id"),
        ({"run": "r", "rank": -1, "frames": []}, "is no rank"),
        ({"run": "r", "rank": True, "frames": []}, "is no rank"),
        ({"run": "r", "rank": 0, "frames": [{"keys": ["a"], "count": 0}]}, "count of 0"),
        ({"run": "r", "rank": 0, "frames": [{"keys": ["a"], "count": 10**15}]}, "count of 1000000000000000"),
        ({"run": "r", "rank": 0, "frames": [{"keys": ["a", "a"], "count": 1}]}, "names a key twice"),
        ({"run": "r", "rank": 0, "frames": [{"keys": [1], "count": 1}]}, "is no metric name"),
        ({"run": "r", "rank": 0, "frames": [{"keys": ["a\n"], "count": 1}]}, "holds a control character"),
        ({"run": "r", "rank": 0, "frames": [{"count": 1}]}, "has no keys"),
        ({"run": "r", "rank": 0, "frames": [{"keys": ["a"], "count": 1}]}, "planes end at"),
    ],
)
def test_a_header_of_the_wrong_shape_is_refused_with_its_reason(header: object, reason: str) -> None:
    """Whoever reads the dead letter learns what was wrong with it."""
    with pytest.raises(WireError, match=reason):
        decode(_with_header(header))
