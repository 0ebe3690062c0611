"""What a worker reads back when partitions come to it: the alerts as published, and the last minutes of its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

_PAGE_SECONDS = 0.5
_REQUEST_MS = 20_000


class History:
    """Reads beside Faust's consumer, without being a member of its group.

    Args:
        kafka: "host:port".
        group: whose committed offsets count.
    """

    def __init__(self, kafka: str, group: str) -> None:
        self._kafka = kafka
        self._group = group
        #: What is to be closed; who is stopped before it has started has nothing.
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Connect; to be called first, in the event loop."""
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka, request_timeout_ms=_REQUEST_MS)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_REQUEST_MS,
            # It reads what is there, so it never waits for more; its next request would queue behind such a wait.
            fetch_max_wait_ms=10,
            max_partition_fetch_bytes=1 << 20,
        )
        self._open.push_async_callback(self._admin.close)
        self._open.push_async_callback(self._consumer.stop)
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._open.aclose()

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset that the next record of each partition will get."""
        return dict(await self._consumer.end_offsets(list(tps)))

    async def positions(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where the group goes on reading in each partition."""
        beginnings = await self._consumer.beginning_offsets(list(tps))
        committed = await self._admin.list_consumer_group_offsets(self._group)
        return {tp: max(committed[tp].offset if tp in committed else 0, at) for tp, at in beginnings.items()}

    async def all(self, topic: str) -> AsyncIterator[ConsumerRecord]:
        """Yield every record of a topic, up to its present end."""
        [told] = await self._admin.describe_topics([topic])
        tps = [TopicPartition(topic, place["partition"]) for place in told["partitions"]]
        async for record in self._read(await self._consumer.beginning_offsets(tps), await self.ends(tps)):
            yield record

    async def recent(self, positions: dict[TopicPartition, int], seconds: float) -> AsyncIterator[ConsumerRecord]:
        """Yield the records before ``positions`` that are at most so many seconds older than the last of them."""
        beginnings = await self._consumer.beginning_offsets(list(positions))
        last = {tp: offset - 1 for tp, offset in positions.items() if offset > beginnings[tp]}
        times = {}
        async for record in self._read(last, {tp: offset + 1 for tp, offset in last.items()}):
            times[TopicPartition(record.topic, record.partition)] = round(record.timestamp - seconds * 1000)
        found = await self._consumer.offsets_for_times(times) if times else {}
        starts = {tp: at.offset for tp, at in found.items() if at is not None}
        async for record in self._read(starts, {tp: positions[tp] for tp in starts}):
            yield record

    async def _read(
        self, starts: dict[TopicPartition, int], ends: dict[TopicPartition, int]
    ) -> AsyncIterator[ConsumerRecord]:
        left = {tp for tp, start in starts.items() if start < ends[tp]}
        self._consumer.assign(list(left))
        for tp in left:
            self._consumer.seek(tp, starts[tp])
        while left:
            page = await self._consumer.getmany(*left, timeout_ms=round(_PAGE_SECONDS * 1000))
            for tp, records in page.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield record
            # The position also passes what compaction took away, where the last offset read would wait for ever.
            left = {tp for tp in left if await self._consumer.position(tp) < ends[tp]}
        # Else it goes on asking for what comes next, a hundred times a second.
        self._consumer.assign([])
