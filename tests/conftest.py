"""Kafka, ClickHouse and the whole pipeline, as fixtures: the real ones, started by the product's own launcher."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import Pipeline, broker, end, own, running, until

from runwire_server.local import ports

#: Tests compare all points of a run; that of samples turns them on.
os.environ["RUNWIRE_SYSTEM_INTERVAL"] = "0"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of the test's own, not made yet."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka with Runwire's topics, for the whole session; ``host:port``. Tests that kill it start their own."""
    with broker(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[str]:
    """A Kafka of the test's own, with Runwire's topics: for what cannot be undone, or would disturb others."""
    with broker(tmp_path / "kafka") as kafka:
        yield kafka


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ClickHouse without any table, for the whole session; its URL. Tests that kill it start their own."""
    home = tmp_path_factory.mktemp("clickhouse")
    port = ports.free()
    with (home / "clickhouse.log").open("wb") as log:
        process = own(
            [sys.executable, "-m", "runwire", "clickhouse", "--home", str(home), "--port", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: process.poll() is None and not ports.is_free(port), "clickhouse listens")
        yield f"http://{ports.HOST}:{port}"
    finally:
        end(process)


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The whole pipeline, for the whole session. Tests that kill a part of it start their own with ``start_up``."""
    with running(tmp_path_factory.mktemp("up")) as pipeline:
        yield pipeline


@pytest.fixture
def start_up() -> Iterator[Callable[..., Pipeline]]:
    """Starts pipelines of the test's own: ``start_up(home, *flags, env=…)``; they stop when the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda home, *flags, **options: stack.enter_context(running(home, *flags, **options))
