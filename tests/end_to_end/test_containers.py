"""The same pipeline against the servers that a cluster has: Kafka and ClickHouse in containers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import known
import pytest
from parts import Pipeline
from test_exactness import assert_stored, start_trainer
from testcontainers.community.clickhouse import ClickHouseContainer
from testcontainers.community.kafka import KafkaContainer

from runwire_storage.client import connect

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def containers() -> Iterator[tuple[str, str]]:
    """Kafka's ``host:port`` and ClickHouse's URL; without a Docker engine the test is skipped."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers to `docker info`")
    with (
        KafkaContainer().with_kraft() as kafka,
        ClickHouseContainer("clickhouse/clickhouse-server:26.8", port=8123, username="runwire", password="x") as store,
    ):
        where = f"{store.get_container_host_ip()}:{store.get_exposed_port(8123)}"
        yield kafka.get_bootstrap_server(), f"http://runwire:x@{where}"


def test_what_was_logged_is_stored_in_a_clickhouse_server_through_a_kafka_container(
    containers: tuple[str, str], start_up: Callable[..., Pipeline], home: Path
) -> None:
    """Points and rollups equal brute force there too: the embedded ClickHouse is no special case."""
    kafka, clickhouse = containers
    up = start_up(home, "--kafka", kafka, "--clickhouse", clickhouse)
    assert start_trainer(up, "contained", 0, 5, "--rows", "2000").wait(120) == 0

    client = connect(clickhouse)
    assert_stored(client, "contained", known.points(known.rows(5, 2_000, 10), 0))
    client.close()
