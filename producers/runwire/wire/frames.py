"""Metric records: rows with the same keys, sent as columns.

Layout (all little-endian)::

    | "RWF1" | header size u32 | header JSON | zero padding to 8 | planes ... |

The header is ``{"run", "rank", "frames": [{"keys": [...], "count": n}, ...]}``; a frame's planes are seq (u64),
step (i64), ts (i64, microseconds since the epoch) and one float64 plane a key, each of ``count`` 8-byte words. Raw
planes need no care for NaN, take half the bytes of JSON, and decode without looking at a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runwire.errors import WireError
from runwire.wire.json import dumps, loads
from runwire.wire.names import check_metric, check_rank, check_run

MAGIC = b"RWF1"
#: Kafka's default limit for a record is 1 MiB; records stay below with room for key and headers.
RECORD_BYTES_MAX = 900_000
_WORD = 8
_FIXED_PLANES = 3


@dataclass(frozen=True)
class Frame:
    """Rows of one run and rank that have the same keys, as columns.

    Attributes:
        keys: the metrics' names, K of them.
        count: number of rows, N.
        planes: 3 + K buffers of N little-endian 8-byte words: seq (uint64, rising), step (int64),
            ts (int64, microseconds since the epoch), then one float64 plane a key.
    """

    keys: Sequence[str]
    count: int
    planes: Sequence[bytes | memoryview]


def encode(run: str, rank: int, frames: Iterable[Frame]) -> bytes:
    """Encode frames of one run and rank as the value of one Kafka record."""
    frames = list(frames)
    header = _header(run, rank, [(list(frame.keys), frame.count) for frame in frames])
    size = len(MAGIC) + 4 + len(header)
    parts: list[bytes | memoryview] = [MAGIC, len(header).to_bytes(4, "little"), header, bytes(-size % _WORD)]
    for frame in frames:
        parts.extend(frame.planes)
    return b"".join(parts)


@dataclass(frozen=True)
class Header:
    """What a record says of its planes.

    Attributes:
        keys: of each frame, the metrics' names.
        counts: of each frame, the number of rows.
    """

    run: str
    rank: int
    keys: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]

    def encode(self) -> bytes:
        """Return it as `encode` writes it; others may write the same in another way."""
        return _header(self.run, self.rank, list(zip(self.keys, self.counts, strict=True)))


def decode(value: bytes) -> tuple[str, int, list[Frame]]:
    """Decode the value of one Kafka record into run, rank and frames, whose planes are views of ``value``.

    Raises:
        WireError: the value is not such a record; the message says in what.
    """
    data, offset = split(value)
    header = parse(data)
    view = memoryview(value)
    frames = []
    for keys, count in zip(header.keys, header.counts, strict=True):
        width = count * _WORD
        end = offset + width * (_FIXED_PLANES + len(keys))
        frames.append(Frame(keys, count, [view[start : start + width] for start in range(offset, end, width)]))
        offset = end
    check_end(offset, value)
    return header.run, header.rank, frames


def split(value: bytes) -> tuple[bytes, int]:
    """Return a record's header as it is written, and where its planes begin.

    Raises:
        WireError: the value is no metric record, or is cut off.
    """
    if value[:4] != MAGIC:
        raise WireError(f"no metric record: it begins with {bytes(value[:4])!r}, not with {MAGIC!r}")
    if len(value) < len(MAGIC) + 4:
        raise WireError("the metric record is cut off before its header")
    header_end = len(MAGIC) + 4 + int.from_bytes(value[4:8], "little")
    if header_end > len(value):
        raise WireError(f"the metric record is cut off: its header ends at {header_end}, the value at {len(value)}")
    return value[8:header_end], header_end + -header_end % _WORD


def parse(data: bytes) -> Header:
    """Return what a header says.

    Raises:
        WireError: it is none; the message says in what.
    """
    header = loads(data)
    if not isinstance(header, dict) or not isinstance(header.get("frames"), list):
        raise WireError("the metric record's header holds no frames")
    run, rank = check_run(header.get("run")), check_rank(header.get("rank"))
    shapes = [_shape(item) for item in header["frames"]]
    return Header(run, rank, tuple(keys for keys, _ in shapes), tuple(count for _, count in shapes))


def check_end(end: int, value: bytes) -> None:
    """Check that the planes that a header tells of end where the value does.

    Raises:
        WireError: they do not.
    """
    if end != len(value):
        raise WireError(f"the metric record's planes end at {end}, the value at {len(value)}")


def _header(run: str, rank: int, shapes: Sequence[tuple[Sequence[str], int]]) -> bytes:
    return dumps({"run": run, "rank": rank, "frames": [{"keys": keys, "count": count} for keys, count in shapes]})


def _shape(item: Any) -> tuple[tuple[str, ...], int]:
    if not isinstance(item, dict) or not isinstance(item.get("keys"), list):
        raise WireError("a frame of the metric record has no keys")
    count = item.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= RECORD_BYTES_MAX:
        raise WireError(f"a frame of the metric record has a count of {count!r:.40}")
    keys = tuple(map(check_metric, item["keys"]))
    if len(set(keys)) != len(keys):
        raise WireError("a frame of the metric record names a key twice")
    return keys, count
