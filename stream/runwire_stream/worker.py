"""The stream worker as a process: waits for what it needs, runs the Faust app, ends by signal or by the watchdog."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import faust
import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream import logs
from runwire_stream.app import GROUP, TOPICS, Stream
from runwire_stream.outage import Outages

_LOOK_SECONDS = 0.5
_LOOKS_SILENT = 10

_log = structlog.get_logger("runwire.stream")


def run(kafka: str, clickhouse: str, datadir: Path) -> int:
    """Store what comes through Kafka until SIGTERM or SIGINT; return the exit code.

    Waits for the store, which it migrates first, and for the topics, for as long as it takes.

    Args:
        kafka: ``host:port`` of the brokers, several with commas.
        clickhouse: the store's URL.
        datadir: a folder for Faust and a lock; nothing of value lies there.

    Raises:
        ConfigError: ``clickhouse`` is no URL.
        StorageError: the store refuses, for example because its schema is of a newer version.
    """
    logs.configure()
    for name in (signal.SIGTERM, signal.SIGINT):  # until Faust takes them over
        signal.signal(name, lambda *_: sys.exit(0))
    datadir.mkdir(parents=True, exist_ok=True)
    session = Session(clickhouse, Outages())
    session.run(migrate)
    asyncio.run(_topics_there(kafka))
    stream = Stream(kafka, session, datadir, _instance(datadir))
    code = _work(stream.app)
    sys.stderr.flush()
    if stream.busy:
        os._exit(code)  # the thread that waits for the store would hold up the exit
    return code


def _work(app: Any) -> int:
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


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


def _instance(datadir: Path) -> str | None:
    """Return the name under which this worker rejoins its group at once when it was killed.

    Two with the same name would evict each other for ever, so it belongs to whoever holds the lock in ``datadir``,
    which the kernel releases when its holder dies; a second worker on the same folder goes without.
    """
    lock = os.open(datadir / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    place = hashlib.sha256(f"{socket.gethostname()}:{datadir.resolve()}".encode()).hexdigest()[:16]
    return f"{GROUP}-{place}"  # the lock stays open, and ours, for life
