"""A ClickHouse of a test's own, for those that kill it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from feed import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "clickhouse")
    yield engine
    engine.process.send_signal(signal.SIGCONT)
    engine.kill()
