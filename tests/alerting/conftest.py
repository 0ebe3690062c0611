"""Workers of alerting, hosts that send to them and receivers that they tell, as fixtures."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from parts import ready
from receiver import Receiver, listening
from workers import Host, Start, Worker


@pytest.fixture
def run() -> str:
    """A run of the test's own: tests share one Kafka."""
    return f"run-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def host(kafka: str) -> Iterator[Host]:
    made = Host(kafka)
    yield made
    made.producer.close()


@pytest.fixture
def hosts() -> Iterator[Callable[[str], Host]]:
    """Makes hosts that send to a Kafka of the test's own; they end before it, for which it is named before them."""
    made: list[Host] = []

    def make(kafka: str) -> Host:
        made.append(Host(kafka))
        return made[-1]

    yield make
    for each in made:
        each.producer.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workers' home, one for all tests: a worker that comes back to it need not wait for its predecessor's end."""
    return tmp_path_factory.mktemp("alerting")


@pytest.fixture
def start(kafka: str, folder: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts alerting, ready: ``start(*webhooks, flags=[…], kafka=…, RUNWIRE_…=…)``; it is gone when the test ends."""
    with ExitStack() as stack:
        logs = (tmp_path / f"alerting-{number}.log" for number in count())

        def launch(*webhooks: str, flags: tuple[str, ...] = (), broker: str = kafka, **env: str) -> Worker:
            command = [sys.executable, "-m", "runwire_alerting", "--kafka", broker, "--home", str(folder), *flags]
            for url in webhooks:
                command += ["--alert-webhook", url]
            log = next(logs)
            return Worker(stack.enter_context(ready(command, log, env)), log)

        yield launch


@pytest.fixture
def listen() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers: ``listen(receiver, port=…)``; they stop when the test ends."""
    with ExitStack() as stack:
        yield lambda receiver=None, port=0: stack.enter_context(listening(receiver or Receiver(), port))
