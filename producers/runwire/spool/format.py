"""The bytes of a segment: records, and how they are packed.

A segment is a sequence of records, each a multiple of 8 bytes, little-endian::

    | crc32 u32 | size u32 | kind u32 | keys u32 | body ... | zero padding to 8 |

``crc32`` covers everything behind it; ``size`` is that of the whole record. The kinds: keys (body: the JSON list of
metric names that rows of this segment name by ``keys``), row (body: seq u64, step i64, ts i64, one f64 a key), event
(body: seq u64, length u64, JSON) and part of a table (body: as an event's, its JSON being what goes to Kafka).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from runwire.wire.json import dumps, loads

if sys.byteorder != "little":  # readers cast segments to arrays of this machine's words
    raise ImportError("the spool needs a little-endian machine")

KEYS, ROW, EVENT, PART = 1, 2, 3, 4
HEADER = struct.Struct("<IIII")
#: Header, seq, step, ts.
ROW_FIXED = HEADER.size + 24
EVENT_FIXED = HEADER.size + 16
#: No record is larger: what an event may hold (512 KiB) and a row of KEYS_MAX metrics stay well below.
RECORD_BYTES_MAX = 1 << 20
#: A row of more metrics, or with longer names, becomes several rows of the same step: each fits a record on the wire.
KEYS_MAX = 4096
KEYS_BYTES_MAX = 1 << 16
EVENT_BYTES_MAX = 1 << 19
SEGMENT_BYTES = 16 << 20


def segment_name(index: int) -> str:
    """Return the file name of a spool's segment."""
    return f"{index:08d}.seg"


def segments(folder: Path) -> list[int]:
    """Return the numbers of the segments that a spool has, rising."""
    return sorted(int(path.stem) for path in folder.glob("*.seg") if path.stem.isdecimal())


def pack_keys(number: int, keys: Sequence[str]) -> bytes:
    """Pack the list of names that rows of the segment call ``number``."""
    return _record(KEYS, number, dumps(list(keys)))


def pack_event(seq: int, event: dict[str, Any]) -> bytes:
    """Pack an event.

    Raises:
        WireError: it is not plain data.
    """
    return _numbered(EVENT, seq, dumps(event))


def pack_part(seq: int, message: bytes) -> bytes:
    """Pack a part of a table, as it goes to Kafka."""
    return _numbered(PART, seq, message)


def row_packer(count: int) -> struct.Struct:
    """Return what packs a row of ``count`` metrics but for its checksum: size, kind, keys, seq, step, ts, values."""
    return struct.Struct(f"<IIIQqq{count}d")


def parse_keys(body: bytes) -> list[str]:
    """Return the names that the body of a keys record holds."""
    return [str(key) for key in loads(body.rstrip(b"\0"))]


def parse_event(body: bytes) -> tuple[int, dict[str, Any]]:
    """Return an event's seq and content."""
    seq, data = parse_part(body)
    return seq, loads(data)


def parse_part(body: bytes) -> tuple[int, bytes]:
    """Return the seq of a part of a table, and the message that it is."""
    seq, length = struct.unpack_from("<QQ", body)
    return seq, body[16 : 16 + length]


def _numbered(kind: int, seq: int, data: bytes) -> bytes:
    return _record(kind, 0, struct.pack("<QQ", seq, len(data)) + data)


def _record(kind: int, number: int, body: bytes) -> bytes:
    size = HEADER.size + len(body) + -len(body) % 8
    rest = struct.pack("<III", size, kind, number) + body + bytes(-len(body) % 8)
    return crc32(rest).to_bytes(4, "little") + rest
