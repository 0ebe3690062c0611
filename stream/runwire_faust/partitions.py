"""Which partitions there are, which may become more at any time, and what of them is this worker's now.

The member that leads a group hands partitions out, and its Kafka client asks for that anew when there are more. But a
leader that was started anew under its old name is given back what it had without handing out anything, and its client
watches for nothing. So each worker looks for itself whether every partition is handed out to somebody.

Whenever they are handed out anew, Faust goes back to what was committed. So whatever was read before is read again, by
whoever has its partition now, and is that one's alone to acknowledge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from runwire_faust.app import producer

_LOOK_SECONDS = 5.0

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

    @property
    def counts(self) -> Mapping[str, int]:
        """By topic, how many partitions are handed out: to all members of the group together."""
        counts: Mapping[str, int] = self._app.assignor.counts
        return counts

    def present(self, event: Any) -> bool:
        """Return whether a Faust event was read under the present assignment; another one is not to be handled."""
        return bool(event.message.generation_id == self._app.consumer_generation_id)

    def ours(self, event: Any) -> bool:
        """Return whether an event that was handled is this worker's to acknowledge.

        Once partitions are about to be handed out anew it no longer is: their next owner could begin before this one
        has handled it, and then must see it.
        """
        return self.present(event) and not self._moving

    async def watch(self) -> None:
        """Look now and then, until the app stops, and have partitions handed out anew when there are more."""
        while not self._app.should_stop:
            await asyncio.sleep(_LOOK_SECONDS)
            there = await self._there()
            more = {topic: count for topic, count in there.items() if self.counts.get(topic, count) < count}
            self.complete = not more
            if more and not self._app.rebalancing:
                _log.info("there are more partitions than are handed out", **more)
                await self._app.consumer._thread.call_thread(self._rejoin)  # noqa: SLF001 -- its client lives there

    async def _there(self) -> dict[str, int]:
        """Return how many partitions each topic has; none if Kafka does not say."""
        try:
            cluster = await (await producer(self._app)).client.fetch_all_metadata()
        except (KafkaError, OSError):
            return {}  # that it is away others find out, too
        return {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in self._topics}

    async def _rejoin(self) -> None:
        consumer = self._app.consumer._thread._ensure_consumer()  # noqa: SLF001 -- Faust has no other way to it
        await consumer._client.force_metadata_update()  # noqa: SLF001 -- it may lead, and then must know of them
        consumer._coordinator.request_rejoin()  # noqa: SLF001

    async def _on_revoked(self, _app: Any, _revoked: Any, **_: Any) -> None:
        self._moving = True  # Faust waits for this before it joins the group again

    async def _on_assigned(self, _app: Any, _assigned: Any, **_: Any) -> None:
        self._moving = False
