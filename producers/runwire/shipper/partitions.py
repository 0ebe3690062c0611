"""Which partition a key's records go to: as with every Kafka client, but worked out once a key."""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner import murmur2

#: A host has two keys for each of its runs.
_KEYS_MAX = 1 << 14


@lru_cache(_KEYS_MAX)
def home(key: bytes, partitions: int) -> int:
    """Return the partition, of so many, in which Kafka's default partitioner puts what has this key."""
    # kafka-python's hash of its default partitioner, a loop in Python.
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
