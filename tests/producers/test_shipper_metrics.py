"""``shipper.prom``: what the shipper tells of itself where it has no port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from parts import until
from scrape import Told, parse

from producers.conftest import shipper, spools
from runwire_server.local import ports

Train = Callable[..., "subprocess.Popen[str]"]

_LOG = """
import runwire, sys
run = runwire.init(project="tests", name="counted")
for step in range(5_000):
    run.log({"loss": 1.0, "lr": 0.1}, step=step)
print("logged", flush=True)
for _ in sys.stdin: break
run.finish()
"""


def told(home: Path) -> Told | None:
    """What the file holds now; it is there whole, or not yet."""
    with suppress(FileNotFoundError):
        return parse((spools(home) / "shipper.prom").read_text())
    return None


def test_the_file_tells_what_was_delivered(kafka: str, home: Path, train: Train) -> None:
    """Each row that Kafka acknowledged is counted once, nothing waits, and it says that it is connected."""
    process = train(_LOG, RUNWIRE_KAFKA=kafka)
    rows = "runwire_shipper_rows_total"
    counted = until(lambda: now if (now := told(home)) and now[rows] == 5_000 else None, "all rows are counted")
    assert counted["runwire_shipper_connected"] == 1
    assert counted["runwire_shipper_spools"] == 1
    assert counted.of("runwire_shipper_records_total", lane="bulk") >= 1
    assert counted.of("runwire_shipper_records_total", lane="urgent") >= 1
    assert counted.of("runwire_shipper_sent_bytes_total", lane="bulk") > 5_000 * 5 * 8
    process.communicate("go\n", timeout=60)
    until(lambda: (now := told(home)) and now["runwire_shipper_spools"] == 0, "the spool is delivered")
    last = told(home)
    assert last is not None
    assert (last[rows], last["runwire_shipper_waiting_bytes"]) == (5_000, 0)
    assert last["runwire_shipper_link_failures_total"] == 0


def test_what_waits_without_a_kafka_is_told_by_file_and_status(home: Path, train: Train) -> None:
    """With nobody at Kafka's address the bytes on the disk wait, failures count up, and `runwire status` agrees."""
    train(_LOG, RUNWIRE_KAFKA=f"127.0.0.1:{ports.free()}")

    def size() -> int:
        return sum(segment.stat().st_size for segment in spools(home).glob("*/*/*/*.seg"))

    def waiting() -> Told | None:
        now = told(home)
        return now if now and now["runwire_shipper_waiting_bytes"] == size() > 5_000 * 5 * 8 else None

    counted = until(waiting, "all that was logged is told to wait")
    assert counted["runwire_shipper_connected"] == 0
    assert counted["runwire_shipper_rows_total"] == 0
    until(lambda: (now := told(home)) and now["runwire_shipper_link_failures_total"] >= 2, "failures are counted")
    assert shipper(home) is not None
    status = [sys.executable, "-m", "runwire", "status", "--json", "--home", str(home)]
    done = subprocess.run(status, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["spool_waiting_bytes"] == size()
