"""`runwire status`: how far behind the workers are and what waits here, with and without anybody who works."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from parts import Pipeline, ready, until
from scrape import health, scrape

from runwire.wire import PULSE
from runwire_server.local import home as homes


def status(*flags: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "runwire", "status", "--json", *flags], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, told


def group(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in told["lag"] if one["name"] == name)


def test_a_running_pipeline_is_up_to_date_and_tells_where_its_metrics_are(up: Pipeline) -> None:
    """With nothing to do both groups have a worker and nothing waits; each worker's address answers."""

    def idle() -> dict[str, Any] | None:
        _, told = status("--home", str(up.home))
        return told if all(one["records"] == 0 for one in told["lag"]) else None

    told = until(idle, "nothing waits")
    assert [(one["name"], one["workers"], one["seconds"]) for one in told["lag"]] == [
        ("stream", 1, 0.0),
        ("alerting", 1, 0.0),
    ]
    assert told["lag_problem"] is None
    addresses = {program["name"]: program["address"] for program in told["programs"]}
    assert addresses == {
        "up": None,
        **{program["name"]: program["address"] for program in homes.state(up.home)["programs"]},
    }
    for worker in ("stream", "alerting"):
        until(lambda worker=worker: health(addresses[worker]) == (200, "ok\n"), f"{worker} answers")
        assert scrape(addresses[worker])["runwire_worker_partitions"] > 0


def test_what_waits_is_told_though_no_worker_lives(kafka: str, tmp_path: Path) -> None:
    """Records that nobody reads are counted, with the age of the oldest; once a worker has read them, none are."""
    argv = [sys.executable, "-m", "runwire_alerting", "--kafka", kafka, "--home", str(tmp_path)]
    until(lambda: group(status("--kafka", kafka)[1], "alerting")["workers"] == 0, "earlier workers are given up")
    with ready(argv, tmp_path / "log"):
        until(lambda: group(status("--kafka", kafka)[1], "alerting")["records"] == 0, "all of before is read")
    sent = time.time()
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    for number in range(7):
        producer.send(PULSE, key=str(number).encode(), value=b"nothing readable").get(30)
    producer.close()
    code, told = status("--kafka", kafka)
    assert code == 1
    mine = group(told, "alerting")
    assert mine["records"] == 7
    assert 0 <= mine["seconds"] <= time.time() - sent + 1
    until(lambda: group(status("--kafka", kafka)[1], "alerting")["workers"] == 0, "the killed one is given up")
    said = subprocess.run(
        [sys.executable, "-m", "runwire", "status", "--kafka", kafka], capture_output=True, text=True, check=False
    )
    assert "alerting   7 records wait for it, the oldest" in said.stdout
    assert "and no worker reads them" in said.stdout
    with ready(argv, tmp_path / "log"):
        until(lambda: group(status("--kafka", kafka)[1], "alerting")["records"] == 0, "read")


@pytest.mark.parametrize("kafka", ["127.0.0.1:9", "nowhere"])
def test_a_kafka_that_does_not_answer_is_said(kafka: str) -> None:
    """One sentence with the address, exit code 1 or 2, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "runwire", "status", "--kafka", kafka], capture_output=True, text=True, check=False
    )
    assert done.returncode in {1, 2}
    assert kafka in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
