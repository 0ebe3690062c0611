"""Which partition a key's records go to: as with every Kafka client, but worked out once a key."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kafka.partitioner import Partitioner, murmur2

#: A host has two keys for each of its runs.
_KEYS_MAX = 1 << 14


class Keyed(Partitioner):  # type: ignore[misc]  # kafka-python has no types
    """kafka-python's default partitioner with a memory, since that one hashes by a loop in Python."""

    def __init__(self) -> None:
        self._hash = lru_cache(_KEYS_MAX)(murmur2)

    def partition(self, topic: str, _key: object, key: bytes, *rest: Any) -> int:
        """Return the partition of a record that has a key.

        Raises:
            ValueError: the topic is not known.
        """
        cluster = rest[-1]  # behind the value, as it was and as it is sent
        count = len(cluster.partitions_for_topic(topic) or ())
        if not count:
            raise ValueError(f"there is no topic {topic}")
        return int((self._hash(key) & 0x7FFFFFFF) % count)
