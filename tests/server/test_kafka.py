"""The local Kafka, as ``runwire kafka`` runs it."""

from __future__ import annotations

import base64
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from runwire.wire import EVENTS, TOPICS
from runwire_server.local import kafka, launch, ports, topics

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def port() -> int:
    return ports.free()


@pytest.fixture
def start(home: Path, port: int) -> Iterator[Start]:
    """Starts Kafka on the test's home and port, as often as asked; waits until it answers."""
    home.mkdir()
    with contextlib.ExitStack() as stack, (home / "kafka.log").open("ab") as log:

        def one() -> subprocess.Popen[bytes]:
            runwire = [sys.executable, "-m", "runwire", "kafka", "--home", str(home), "--port", str(port)]
            process = stack.enter_context(subprocess.Popen(launch.command(runwire), stdout=log, stderr=log))
            stack.callback(process.kill)
            topics.create(f"{ports.HOST}:{port}")
            return process

        yield one


@contextlib.contextmanager
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        yield client
    finally:
        client.close()


def test_topics_are_those_of_the_contract(kafka: str) -> None:
    """The topics on Kafka have the partitions and the settings that ``runwire.wire`` names."""
    with admin(kafka) as client:
        found = {told["name"]: len(told["partitions"]) for told in client.describe_topics([t.name for t in TOPICS])}
        assert found == {topic.name: topic.partitions for topic in TOPICS}
        told = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in TOPICS])
        for topic in TOPICS:
            settings = told["topic"][topic.name]
            assert {name: settings[name]["value"] for name in topic.settings} == topic.settings


@pytest.mark.parametrize("days", [-30, 2])
def test_a_host_whose_clock_is_wrong_is_believed_what_it_logs_and_not_when(kafka: str, days: int) -> None:
    """A topic like each of ours takes records of a clock days ahead or a month behind, as of now: none is refused, or
    too old.
    """
    like = {f"clock.{days}.{topic.name}": topic for topic in TOPICS}  # in ours others read, and this is no message
    with admin(kafka) as client:
        made = {"num_partitions": 1, "replication_factor": 1}
        client.create_topics({name: {**made, "configs": topic.settings} for name, topic in like.items()})
    now = time.time()
    with contextlib.closing(KafkaProducer(bootstrap_servers=kafka, acks="all")) as producer:
        for name in like:
            producer.send(name, b"a", b"b", timestamp_ms=round((now + days * 86_400) * 1000)).get(30)
    found = {}
    with contextlib.closing(KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")) as consumer:
        consumer.assign([TopicPartition(name, 0) for name in like])
        while len(found) < len(like):
            for place, records in consumer.poll(10_000).items():
                found[place.topic] = records[0].timestamp / 1000
    assert all(now - 1 < at < now + 60 for at in found.values())


def test_creating_topics_again_changes_nothing(kafka: str) -> None:
    """Whoever starts second finds the topics there, and creates none."""
    assert topics.create(kafka) == []


def test_what_was_acknowledged_survives_sigkill(start: Start, port: int) -> None:
    """Every record that Kafka acknowledged before a kill -9 is there, in order, after a start on the same data."""
    kafka = f"{ports.HOST}:{port}"
    values = [b"%d" % number for number in range(2000)]
    process = start()
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    sent = [producer.send(EVENTS, value, partition=0) for value in values]
    for future in sent:
        future.get(timeout=30)
    producer.close()
    process.send_signal(signal.SIGKILL)
    process.wait()

    start()
    consumer = KafkaConsumer(bootstrap_servers=kafka, consumer_timeout_ms=30_000)
    consumer.assign([TopicPartition(EVENTS, 0)])
    consumer.seek_to_beginning()
    assert [next(consumer).value for _ in values] == values
    consumer.close()


def test_formatting_that_was_cut_short_is_done_again(start: Start, home: Path) -> None:
    """A data folder in which formatting had begun, and never ended, does not keep Kafka from starting."""
    process = start()
    process.terminate()
    process.wait()
    data = home / "kafka" / "data"
    for path in data.iterdir():
        if path.is_file() and path.name != "bootstrap.checkpoint":
            path.unlink()
    start()
    told = (data / "meta.properties").read_text()
    cluster = next(line.partition("=")[2] for line in told.splitlines() if line.startswith("cluster.id="))
    assert len(base64.urlsafe_b64decode(cluster + "==")) == 16


def test_no_clusters_id_looks_like_an_option() -> None:
    """The tool that formats would refuse one that begins with a dash, as one in 64 would."""
    assert not any(kafka.cluster_id().startswith("-") for _ in range(2000))


def test_no_python_stays_and_only_loopback_listens(start: Start, port: int) -> None:
    """The process that was started is Java itself, and every port that it listens on is on 127.0.0.1."""
    process = psutil.Process(start().pid)
    assert process.name() == "java"
    assert process.children() == []
    listening = [c.laddr for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert port in {address.port for address in listening}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {ports.HOST}


def test_a_taken_port_is_said_with_its_holder(home: Path, kafka: str) -> None:
    """Kafka on a port that is taken ends with one sentence that names the port and who holds it."""
    taken = kafka.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "runwire", "kafka", "--home", str(home), "--port", taken],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"Port {taken}" in done.stderr
    assert "java" in done.stderr
    assert "Traceback" not in done.stderr
