"""How workers read Kafka, where that is not as Faust does it by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runwire_faust.app import make


def test_a_fetch_of_partitions_that_have_nothing_is_over_soon(kafka: str, tmp_path: Path) -> None:
    """The client that a worker's app reads by asks brokers to wait for 0.1 s at most: Faust's own would for 1.5."""

    async def wait() -> int:
        app = make("fetches", kafka, tmp_path / "faust", "m", session_seconds=6, buffer_records=1, poll_records=1)
        client = app.consumer._thread._create_worker_consumer(app.transport)
        await client.start()
        try:
            return int(client._fetcher._fetch_max_wait_ms)
        finally:
            await client.stop()

    assert asyncio.run(wait()) == 100
