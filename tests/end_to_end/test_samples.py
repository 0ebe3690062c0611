"""Samples of the machine, from a training process to the store, the command line and curves over time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any

import store
from known import number
from parts import Pipeline, until
from producers.spooled import logged

import runwire
from runwire_storage.client import connect

_SAMPLES = 4


def _ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def test_what_a_machine_did_is_stored_once_and_shown_over_time(up: Pipeline) -> None:
    """To the bit what the spool held; the run's own step stays its own; `runwire show` tells the last figures."""
    with runwire.init("samples", dir=up.home, settings={"system_interval": 0.25, "finish_timeout": 60}) as run:
        run.log({"loss": 0.5}, step=7)
        until(lambda: len(logged(run)) > _SAMPLES, "samples")
        written = logged(run)
        known = {(name, 0, step): value for step, values in written for name, value in values.items()}
        until(lambda: store.points(connect(up.clickhouse), run.id).keys() >= known.keys(), "all of it is stored")
    stored = store.points(connect(up.clickhouse), run.id)
    assert {key: number(stored[key]) for key in known} == known
    about = _ask(f"{up.server}/api/runs/{run.id}")
    assert (about["last_step"], about["summary"]) == (7, {"loss": 0.5})
    names = [{"run": run.id, "metric": name, "rank": 0} for name in ("system/cpu", "loss")]
    told = _ask(f"{up.server}/api/series", {"series": names, "x": "time", "lo": 0, "hi": 2**53})
    cpu, loss = (sum(one["planes"]["count"]) for one in told["series"])
    assert cpu >= _SAMPLES
    assert loss == 1
    shown = subprocess.run(
        [sys.executable, "-m", "runwire", "show", run.id],
        env={**os.environ, "RUNWIRE_HOME": str(up.home), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert "machine CPU " in shown
    assert "system/" not in shown
