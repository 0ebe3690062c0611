"""What can be chosen about the embedded ClickHouse. The defaults are for a laptop that has other things to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbeddedSettings:
    """Limits of the embedded ClickHouse.

    Attributes:
        memory_bytes_max: what the engine may hold in all; a query beyond it fails, the program goes on.
        query_memory_bytes_max: what one query may hold; sorts and groupings go to disk from a third of it.
        result_bytes_max: the largest result: it is held in memory until it is sent.
        threads_max: threads of one query.
        queries_max: queries at once; more wait, for ``queue_seconds_max``, and are then refused.
        queue_seconds_max: how long a query waits for its turn.
        readonly_seconds_max: how long a read-only query may take, unless it says so itself by ``max_execution_time``.
        stop_seconds_max: how long the program takes to end when told to; queries get half of it to finish.
        idle_seconds_max: after so long without a request a connection is closed.
    """

    memory_bytes_max: int = 1 << 30
    query_memory_bytes_max: int = 600 << 20
    result_bytes_max: int = 256 << 20
    threads_max: int = 2
    queries_max: int = 32
    queue_seconds_max: float = 10.0
    readonly_seconds_max: float = 60.0
    stop_seconds_max: float = 4.0
    idle_seconds_max: float = 300.0
