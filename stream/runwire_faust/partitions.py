"""Which partitions there are, which may become more at any time, and what of them is this worker's now.

The member that leads a group hands partitions out, and its Kafka client asks for that anew when there are more. But a
leader that was started anew under its old name is given back what it had without handing out anything, and its client
watches for nothing. So each worker looks for itself whether every partition is handed out to somebody.

Whenever they are handed out anew, Faust goes back to what was committed. So whatever was read before is read again, by
whoever has its partition now, and is that one's alone to acknowledge.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from runwire_faust.app import producer

_LOOK_SECONDS = 5.0
_RETRY_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Partitions:
    """The partitions of the topics that an app reads.

    Attributes:
        complete: whether, as far as is known, each partition is handed out to a member of the group.
    """

    def __init__(self, app: Any, topics: Sequence[str]) -> None:
        self._app = app
        self._topics = topics
        self._moving = False
        self.complete = True
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_partitions_assigned.connect(self._on_assigned)

    def present(self, event: Any) -> bool:
        """Return whether a Faust event was read under the present assignment; another one is not to be handled."""
        return bool(event.message.generation_id == self._app.consumer_generation_id)

    def ours(self, event: Any) -> bool:
        """Return whether an event that was handled is this worker's to acknowledge.

        Once partitions are about to be handed out anew it no longer is: their next owner could begin before this one
        has handled it, and then must see it.
        """
        return self.present(event) and not self._moving

    async def count(self) -> dict[str, int]:
        """Ask Kafka how many partitions each topic has, for as long as it takes to get an answer."""
        client = (await producer(self._app)).client
        while True:
            try:
                cluster = await client.fetch_all_metadata()
            except (KafkaError, OSError):
                cluster = None  # it is away, which whoever sends or commits to it finds out, too
            counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in self._topics if cluster}
            if counts and all(counts.values()):
                return counts
            await asyncio.sleep(_RETRY_SECONDS)

    async def watch(self) -> None:
        """Look now and then, until the app stops, and have partitions handed out anew when there are more."""
        while not self._app.should_stop:
            await asyncio.sleep(_LOOK_SECONDS)
            counts = await self.count()
            handed_out = self._handed_out()
            missing = {topic: count for topic, count in counts.items() if handed_out[topic] < count}
            self.complete = not missing
            if missing and self._app.consumer.assignment() and not self._app.rebalancing:
                _log.info("there are more partitions than are handed out", **missing)
                await self._app.consumer._thread.call_thread(self._rejoin)  # noqa: SLF001 -- its client lives there

    async def _on_revoked(self, _app: Any, _revoked: Any, **_: Any) -> None:
        self._moving = True  # Faust waits for this before it joins the group again

    async def _on_assigned(self, _app: Any, _assigned: Any, **_: Any) -> None:
        self._moving = False

    def _handed_out(self) -> dict[str, int]:
        """Return how many partitions of each topic the group has handed out, to whomever, as its leader told."""
        out: dict[str, set[int]] = defaultdict(set)
        for topics in self._app.assignor.external_topic_distribution.values():
            for topic, partitions in topics.items():
                out[topic].update(partitions)
        return defaultdict(int, {topic: len(partitions) for topic, partitions in out.items()})

    async def _rejoin(self) -> None:
        consumer = self._app.consumer._thread._ensure_consumer()  # noqa: SLF001 -- Faust has no other way to it
        await consumer._client.force_metadata_update()  # noqa: SLF001 -- it may be the leader, who must know of them
        consumer._coordinator.request_rejoin()  # noqa: SLF001
