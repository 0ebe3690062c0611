"""The stream worker as a process: waits for what it needs, runs the Faust app, ends by signal or by the watchdog."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from runwire_faust import app, logs
from runwire_faust.endpoint import Endpoint
from runwire_faust.slot import Slot
from runwire_storage.client import answers
from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream.app import TOPICS, Stream
from runwire_stream.outage import Outages

_LOOK_SECONDS = 0.5
_LOOKS_SILENT = 10

_log = structlog.get_logger("runwire.stream")


def run(
    kafka: str, clickhouse: str, datadir: Path, *, metrics_host: str = "127.0.0.1", metrics_port: int | None = None
) -> int:
    """Store what comes through Kafka until SIGTERM or SIGINT; return the exit code.

    Waits for the store, which it migrates first, and for the topics, for as long as it takes.

    Args:
        kafka: ``host:port`` of the brokers, several with commas.
        clickhouse: the store's URL.
        datadir: a folder for Faust and locks; nothing of value lies there.
        metrics_host: the address at which metrics and health are told.
        metrics_port: the port; None to tell them nowhere.

    Raises:
        ConfigError: ``clickhouse`` is no URL.
        StorageError: the store refuses, for example because its schema is of a newer version.
    """
    # The store's driver reports each failed request; the outage that they make up is reported once, by us.
    logs.configure(silent=("clickhouse_connect", "urllib3"))
    for name in (signal.SIGTERM, signal.SIGINT):  # until Faust takes them over
        signal.signal(name, lambda *_: sys.exit(0))
    datadir.mkdir(parents=True, exist_ok=True)
    stream: Stream | None = None

    def ready() -> str | None:
        if stream is None:
            return "it waits for the store and for the topics"
        return stream.lag.lacks() or (None if answers(clickhouse) else "the store does not answer")

    def alive() -> str | None:
        return None if stream is None else stream.trouble()

    if metrics_port is not None:
        Endpoint(metrics_host, metrics_port, alive=alive, ready=ready).start()
    session = Session(clickhouse, Outages())
    session.run(migrate)
    asyncio.run(_topics_there(kafka))
    stream = Stream(kafka, session, datadir, Slot(datadir))
    code = app.run(stream.app)
    sys.stderr.flush()
    if stream.busy:
        os._exit(code)  # the thread that waits for the store would hold up the exit
    return code


async def _topics_there(kafka: str) -> None:
    """Wait until all topics exist: Faust would stay without partitions of one that is made later."""
    looks = 0
    while missing := await _missing(kafka):
        looks += 1
        if looks == _LOOKS_SILENT:
            _log.warning("waiting", missing=missing, kafka=kafka)
        await asyncio.sleep(_LOOK_SECONDS)


async def _missing(kafka: str) -> str:
    client = AIOKafkaClient(bootstrap_servers=kafka)
    try:
        await client.bootstrap()
        cluster = await client.fetch_all_metadata()
        return ", ".join(sorted(set(TOPICS) - cluster.topics()))
    except (KafkaError, OSError) as error:
        return f"Kafka: {error}"
    finally:
        await client.close()
