"""Bundles: small messages of many runs in one Kafka record, since a record costs far more than what it says.

A host that runs a thousand ranks has two thousand messages a second, a row and a pulse of each. Those that go to the
same partition at the same moment go as one record, without a key. Where a message lies says nothing else: each has its
own key and value, as if it had come alone, and its place in a bundle is its order.

Layout (all little-endian)::

    | "RWB1" | count u32 | key size u32, value size u32, of each | key, value, of each |
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise

from runwire.errors import WireError

_MAGIC = b"RWB1"
_HEAD_BYTES = 8
_SIZES_BYTES = 8
#: What a message takes in a bundle besides its key and value.
MESSAGE_BYTES = _SIZES_BYTES


def bundle(messages: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return messages (key and value) as the value of one Kafka record, in their order."""
    parts = list(chain.from_iterable(messages))
    head = struct.pack(f"<4sI{len(parts)}I", _MAGIC, len(messages), *map(len, parts))
    return b"".join([head, *parts])


def is_bundle(value: bytes) -> bool:
    """Return whether a Kafka record's value is a bundle, and not itself a message."""
    return value[:4] == _MAGIC


def unbundle(value: bytes) -> list[tuple[bytes, bytes]]:
    """Return the messages of a bundle, in their order.

    Raises:
        WireError: it is none, or not whole.
    """
    if not is_bundle(value) or len(value) < _HEAD_BYTES:
        raise WireError(f"no bundle: it begins with {bytes(value[:_HEAD_BYTES])!r}")
    count = int.from_bytes(value[4:_HEAD_BYTES], "little")
    start = _HEAD_BYTES + _SIZES_BYTES * count
    if start > len(value):
        raise WireError(f"the bundle is cut off: {count} messages' sizes end at {start}, the value at {len(value)}")
    sizes = struct.unpack_from(f"<{2 * count}I", value, _HEAD_BYTES)
    ends = list(accumulate(sizes, initial=start))
    if ends[-1] != len(value):
        raise WireError(f"the bundle's messages end at {ends[-1]}, the value at {len(value)}")
    parts = [value[at:end] for at, end in pairwise(ends)]
    return list(zip(parts[::2], parts[1::2], strict=True))
