"""Headers that are remembered say what they would say if each were read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.errors import WireError
from runwire.wire.frames import RECORD_BYTES_MAX, Header
from runwire_storage.schema import TIME
from runwire_stream.headers import Headers

KEYS = st.lists(st.sampled_from(["a", "b", "c", "system/a", 'count":1}]}', TIME]), min_size=0, max_size=3, unique=True)
FRAMES = st.lists(st.tuples(KEYS.map(tuple), st.integers(1, 12)), min_size=1, max_size=3)
HEADERS = st.builds(
    lambda run, rank, frames: Header(run, rank, tuple(keys for keys, _ in frames), tuple(rows for _, rows in frames)),
    st.sampled_from(["run", "other"]),
    st.integers(0, 1),
    FRAMES,
)


def named(known: Headers, data: bytes) -> list[tuple[list[tuple[str, str, int]], int, int]]:
    """Return what a header says, its series by name."""
    return [([known.names[place] for place in series], keys, rows) for series, keys, rows in known.read(data)]


@given(st.lists(HEADERS, min_size=1, max_size=12))
def test_what_is_remembered_is_what_is_read(sent: list[Header]) -> None:
    """Headers that differ in run, rank, keys, frames or the number of rows alone, in any order."""
    known = Headers()
    for header in sent:
        data = header.encode()
        assert named(known, data) == named(Headers(), data)
        frames = [(len(keys), rows) for keys, rows in zip(header.keys, header.counts, strict=True)]
        assert [(keys, rows) for _, keys, rows in named(known, data)] == frames
    assert len(set(known.names)) == len(known.names)


def test_a_number_that_is_no_count_is_not_taken_for_one() -> None:
    """Another's JSON may end as ours does, and mean something else."""
    known = Headers()
    frames = '"frames":[{"keys":["a"],"count":3}]'
    for number in (3, 5):
        data = f'{{{frames},"run":"run","rank":0,"other":[{{"count":{number}}}]}}'.encode()
        assert named(known, data) == [([("run", "a", 0), ("run", TIME, 0)], 1, 3)]


@pytest.mark.parametrize("rows", [0, RECORD_BYTES_MAX + 1, 10**15])
def test_a_count_is_checked_though_the_header_is_known(rows: int) -> None:
    """What a first header may not say, none may."""
    known = Headers()
    known.read(Header("run", 0, (("a",),), (1,)).encode())
    with pytest.raises(WireError, match=f"a count of {rows}"):
        known.read(json.dumps({"run": "run", "rank": 0, "frames": [{"keys": ["a"], "count": rows}]}).encode())
    with pytest.raises(WireError, match=f"a count of {rows}"):
        known.read(Header("run", 0, (("a",),), (rows,)).encode())


def test_not_more_is_remembered_than_a_worker_has_room_for() -> None:
    """Of ever new runs, and of ever new lists of the same keys, both the names and the headers stay bounded."""
    known = Headers(series_max=100)
    for number in range(1000):
        known.begin_batch()
        known.read(Header(f"run-{number}", 0, (("a",),), (1,)).encode())
        assert len(known.names) <= 102
    known = Headers(bytes_max=10_000)
    for number in range(1000):
        known.begin_batch()
        keys = tuple(f"m{place}" for place in range(10) if number >> place & 1)
        known.read(Header("run", 0, (keys,), (1,)).encode())
        assert known._bytes <= 10_200
        assert sum(map(len, known._known)) == known._bytes


def test_a_list_that_began_anew_is_another_list() -> None:
    """Whoever kept what the places meant sees by it that they mean something else now."""
    known = Headers()
    known.read(Header("run", 0, (tuple(f"m{number}" for number in range(60_000)),), (1,)).encode())
    before = known.names
    known.begin_batch()
    assert known.names is not before
    [(series, _, _)] = known.read(Header("run", 0, (("a",),), (1,)).encode())
    assert np.array_equal(series, [0, 1])
