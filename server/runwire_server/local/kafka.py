"""The real Apache Kafka as one node on loopback: ``runwire kafka``."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from pathlib import Path
from typing import NoReturn

from runwire_server.local import jars, java, ports
from runwire_server.local.errors import StartError

# Measured: the young compiler alone and the serial collector start in 1.2 s instead of 1.7 s, take half the memory, and
# carry 600 MB of records with less CPU than the optimising compiler, which a broker's copying never repays.
_JVM = (
    "-Xms48m",
    "-Xmx256m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",  # crash-only: the supervisor starts it anew
    "-Djava.awt.headless=true",
    "-Dlog4j.shutdownHookEnabled=false",  # Kafka itself says when it is down
)

_SETTINGS = """\
# Written at every start by `runwire kafka`.
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
# Static voters: the controller may have another port at every start.
controller.quorum.voters=1@{host}:{controller}
log.dirs=data
auto.create.topics.enable=false
num.partitions=4

# One node: one replica of everything, and one partition of what Kafka keeps for itself.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# A worker that was killed is missed soon, and a first one waits for no other.
group.min.session.timeout.ms=1000
group.initial.rebalance.delay.ms=0
# After a kill, Kafka's controller lets the broker in again only once the killed one's session has run out.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# A laptop may sleep for months; what was read before is not to be read again.
offsets.retention.minutes=5256000

# Small segments: old records go sooner, and less is read again after a kill.
log.segment.bytes=134217728
log.index.size.max.bytes=1048576

# One machine's load: fewer threads, small buffers, and few wake-ups when idle.
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
socket.request.max.bytes=33554432
metadata.max.idle.interval.ms=10000
"""


def serve(home: Path, port: int) -> NoReturn:
    """Become a Kafka broker on ``127.0.0.1:port`` whose data is in ``home/kafka``; no Python stays in memory.

    Raises:
        JavaError: there is no Java for it.
        JarError: its jars cannot be had.
        PortError: the port is taken.
        StartError: its data folder cannot be made.
    """
    ports.demand(port, "Kafka", "--port")
    command = [str(java.find()), *_JVM, f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}"]
    command += ["-cp", os.pathsep.join(map(str, jars.fetch()))]
    folder = home.absolute() / "kafka"
    data = folder / "data"
    settings = folder / "server.properties"
    try:
        data.mkdir(parents=True, exist_ok=True)
        told = _SETTINGS.format(host=ports.HOST, port=port, controller=ports.free(but=(port,)))
        settings.write_text(told, encoding="utf-8")
        os.chdir(folder)  # so that `log.dirs`, a list, need not hold a path in which a comma may be
    except OSError as error:
        raise StartError(f"Kafka's folder {folder} cannot be written: {error.strerror or error}.") from error
    if not (data / "meta.properties").exists():  # written last: what was formatted halfway is formatted again
        _format(command, settings)
    # One arena: the C library's memory for each of eighty threads would be most of what is not heap.
    os.execve(command[0], [*command, "kafka.Kafka", str(settings)], {**os.environ, "MALLOC_ARENA_MAX": "1"})  # noqa: S606


def cluster_id() -> str:
    """Return a new id of a cluster, which Kafka's tool does not take for an option: one in 64 begins with a dash."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _format(command: list[str], settings: Path) -> None:
    tool = [*command, "kafka.tools.StorageTool", "format", "--cluster-id", cluster_id(), "--config", str(settings)]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise StartError(f"Kafka's storage could not be formatted in {settings.parent}: {done.stderr.strip()}")
