"""What ClickHouse holds is what was logged, to the bit, whatever was killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import known
import pytest
import store
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from parts import Pipeline, until

from runwire.errors import RunwireError
from runwire_server.demo import training
from runwire_storage.client import connect

TRAINER = Path(__file__).with_name("trainer.py")
ROWS = 6_000
RUNS = [("run-a", 0, 11), ("run-b", 0, 12), ("run-b", 1, 13)]  # id, rank, seed


def start_trainer(up: Pipeline, run: str, rank: int, seed: int, *flags: str) -> subprocess.Popen[bytes]:
    """Start a training process that logs known data to ``up``."""
    return subprocess.Popen(
        [sys.executable, str(TRAINER), "--run", run, "--rank", str(rank), "--seed", str(seed), *flags],
        env={**os.environ, "RUNWIRE_HOME": str(up.home)},
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture
def client(up: Pipeline) -> Iterator[Client]:
    """A connection to the session's ClickHouse, as a user's tool would have it."""
    connection = connect(up.clickhouse)
    yield connection
    connection.close()


def wait_for_points(client: Client, run: str, expected: dict[known.Identity, known.Bits]) -> None:
    """Wait until as many points are stored as are expected; fails if they never are."""
    count = "SELECT count() FROM runwire.points WHERE run = {run:String}"
    until(lambda: client.query(count, {"run": run}).result_rows[0][0] >= len(expected), f"{run}'s points")


def assert_stored(client: Client, run: str, expected: dict[known.Identity, known.Bits]) -> None:
    """Check a run's points and rollups against what was logged."""
    wait_for_points(client, run, expected)
    assert store.points(client, run) == expected
    wanted = store.rollups_of(expected)
    until(lambda: len(store.rollups(client, run)) >= len(wanted), f"{run}'s rollups")
    assert store.rollups(client, run) == wanted


def test_a_million_points_are_stored_to_the_bit_with_their_rollups(up: Pipeline, client: Client) -> None:
    """Late, repeated and backward steps, NaN, ±Inf, -0.0 and subnormals: points and every bucket equal brute force."""
    trainer = start_trainer(up, "million", 0, 7, "--rows", "120000")
    expected = known.points(known.rows(7, 120_000, 10), 0)

    assert trainer.wait(120) == 0
    assert len(expected) > 1_000_000
    assert_stored(client, "million", expected)


def test_the_demo_is_stored_to_the_bit(up: Pipeline, client: Client, tmp_path: Path) -> None:
    """Both trainings of `runwire demo`, computed again here, are what the store holds, NaN and Inf included."""
    report = tmp_path / "demo.json"
    command = [sys.executable, "-m", "runwire", "demo", "--home", str(up.home), "--json", str(report)]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)

    told = json.loads(report.read_text())
    for run, rows in zip(told["runs"], (training.healthy(), training.diverging()), strict=True):
        expected = known.points(enumerate(rows), 0)
        assert_stored(client, run["id"], expected)
    assert told["alert"]["rule"] == "nonfinite"
    assert told["alert"]["run"] == told["runs"][1]["id"]


def test_killing_every_program_in_the_middle_loses_and_doubles_nothing(
    start_up: Callable[..., Pipeline], home: Path
) -> None:
    """SIGKILL of each program twice while three processes log into two runs: all is there, once, to the bit."""
    up = start_up(home)
    trainers = [start_trainer(up, run, rank, seed, "--rows", str(ROWS), "--pause", "0.004") for run, rank, seed in RUNS]
    client = connect(up.clickhouse)
    for kills, victim in enumerate(("shipper", "stream", "clickhouse", "kafka", "alerting", "server") * 2):
        until(partial(count_exceeds, client, kills * ROWS), f"enough points before {victim} is killed")
        if victim == "shipper":
            kill_shipper(up)
        else:
            up.kill(victim)
    for trainer in trainers:
        assert trainer.wait(120) == 0

    for run in ("run-a", "run-b"):
        expected: dict[known.Identity, known.Bits] = {}
        for of, rank, seed in RUNS:
            if of == run:
                expected |= known.points(known.rows(seed, ROWS, 10), rank)
        assert_stored(client, run, expected)
    client.close()


def count_exceeds(client: Client, points: int) -> bool:
    """Tell whether more than ``points`` points are stored; a ClickHouse that is away has none to tell of."""
    with suppress(ClickHouseError, RunwireError):
        return client.query("SELECT count() FROM runwire.points").result_rows[0][0] > points
    return False


def kill_shipper(up: Pipeline) -> None:
    """SIGKILL the host's shipper."""
    (told,) = up.home.glob("spool/*/shipper.json")
    os.kill(json.loads(told.read_text())["pid"], signal.SIGKILL)
