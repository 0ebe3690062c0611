"""A Faust app that loses nothing: its settings, the agent that reads, and how it runs as a process."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import faust

from runwire_faust.assignor import Assignor
from runwire_faust.lag import Lag
from runwire_faust.transport import Transport
from runwire_faust.watchdog import die, vital


class _App(faust.App):
    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)


def make(
    group: str,
    kafka: str,
    datadir: Path,
    member: str,
    *,
    session_seconds: float,
    buffer_records: int,
    poll_records: int,
) -> Any:
    """Return a Faust app that commits an offset only after everything before it was acknowledged, in order.

    Args:
        group: the consumer group, which is the app's name, too.
        kafka: "host:port" of the brokers, several with commas.
        datadir: a folder for Faust; its parent exists.
        member: the worker's name in its group, see `runwire_faust.slot`.
        session_seconds: so long after a worker was last heard of, others get its partitions; up to 20.
        buffer_records: so many records wait in Faust for the agent.
        poll_records: so many records are taken out of the Kafka client at once.
    """
    return _App(
        group,
        broker=[f"kafka://{server}" for server in kafka.split(",")],
        datadir=str(datadir),
        # What is kept is kept in the store or in a topic, as whole values. Faust's tables count what is replayed twice.
        store="memory://",
        table_standby_replicas=1,  # of the tables that there are not: with 0 Faust takes no assignor of ours
        # Reading is ours: one that can't be read is put aside, where Faust would raise its error in the agent.
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,  # no port is opened
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member,
        PartitionAssignor=Assignor,
        # Topics are made before any worker starts, with the settings that they need; Faust makes none.
        topic_allow_declare=False,
        topic_disable_leader=True,
        # True would let a batch that waits, for the store or for Kafka, hold up a rebalance until we are expelled.
        stream_wait_empty=False,
        stream_buffer_maxsize=buffer_records,
        broker_max_poll_records=poll_records,
        consumer_max_fetch_size=1 << 20,
        # By time alone, however many records there are.
        broker_commit_interval=1.0,
        broker_commit_every=10**9,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=10,
        broker_request_timeout=20,  # at least the session's
        # Counts time without fetching; past it a worker leaves the group and never comes back.
        broker_max_poll_interval=1_000_000.0,
        producer_acks=-1,  # a record is published when all replicas have it
        producer_max_request_size=4 << 20,  # how large a record may be is each topic's to say
    )


def read(app: Any, topics: Sequence[str], put: Callable[[Any], Awaitable[None]], lag: Lag) -> None:
    """Have the app read ``topics``, tell ``lag`` of and await ``put`` for each Faust event, in each partition's order.

    Nothing is acknowledged: whoever takes what was put does so with ``event.ack()``, in the order of the events.
    """

    async def receive(stream: Any) -> None:
        with vital("reading records"):
            async for event in stream.noack().events():
                lag.came(event.message)
                await put(event)
        if not app.should_stop:
            die("the stream of records ended")

    # One at a time: of several, each acknowledges its own, and a commit can pass what another has not done.
    app.agent(app.topic(*topics, internal=False), concurrency=1, name=app.conf.id)(receive)


async def producer(app: Any) -> Any:
    """Return the aiokafka producer that Faust uses, started."""
    return (await app.maybe_start_producer())._producer  # noqa: SLF001 -- Faust's own send hides Kafka's errors


def run(app: Any) -> int:
    """Run the app until SIGTERM or SIGINT, with our own logging and no port; return the exit code."""
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    # What was imported stays: 100,000 objects, which a full collection would look through for 60 ms, some seven times
    # a minute.
    gc.collect()
    gc.freeze()
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
