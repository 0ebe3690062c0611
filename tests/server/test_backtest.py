"""Rules tried on runs that are stored: what would have been told, and when."""

from __future__ import annotations

import json
import math
import uuid
from array import array
from pathlib import Path

import serving
from test_cli import runwire

from runwire.wire import EVENTS, METRICS, Event, Frame, encode
from runwire_alerting import backtest
from runwire_alerting.rules import rules
from runwire_alerting.settings import Settings
from runwire_faust.message import Message
from runwire_server import past
from runwire_storage.client import connect
from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

BEGIN = 1_700_000_000
SECOND = 1_000_000


def store(clickhouse: str, project: str, run: str) -> None:
    """Store a run of two ranks: a step a second; of rank 1 the loss is NaN from step 100 on; both pause for 400 s after
    step 200, and rank 0 is killed after step 300.
    """
    seq = BEGIN << 32
    times = [BEGIN + step + (400 if step > 200 else 0) for step in range(1, 301)]
    records = [Message(EVENTS, 0, 0, None, Event("start", run, 0, seq, BEGIN * SECOND, {"project": project}).encode())]
    for rank in range(2):
        losses = [math.nan if rank == 1 and step >= 100 else 1 + 1 / step for step in range(1, 301)]
        planes = [
            array("Q", range(seq + 1, seq + 301)), array("q", range(1, 301)),
            array("q", [at * SECOND for at in times]), array("d", losses),
        ]  # fmt: skip
        frame = Frame(["train/loss"], 300, [plane.tobytes() for plane in planes])
        records.append(Message(METRICS, 0, rank, None, encode(run, rank, [frame])))
    lost = Event("lost", run, 0, seq + 400, (times[-1] + 2) * SECOND, {"reason": "killed"})
    records.append(Message(EVENTS, 0, 1, None, lost.encode()))
    migrate(connect(clickhouse))
    assert Ingest(Session(clickhouse, serving._Impatient())).store(records) == []


def tried(clickhouse: str, file: Path, *argv: str) -> list[dict[str, object]]:
    result = runwire("rules", "test", str(file), "--clickhouse", clickhouse, "--json", *argv)
    assert result.returncode == 0, result.stderr
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_rules_are_tried_on_a_runs_history(clickhouse: str, tmp_path: Path) -> None:
    """The NaN by rank and step, the stall with its end, and the kill; a rule of the file's own and its limits count,
    and one that is off there is off.
    """
    project, run = f"past-{uuid.uuid4().hex[:6]}", f"past-{uuid.uuid4().hex[:6]}"
    store(clickhouse, project, run)
    file = tmp_path / "rules.yaml"
    file.write_text("rules: []")
    told = tried(clickhouse, file, "--run", run)
    assert [(one["rule"], one["state"], one["rank"], one["step"]) for one in told][:1] == [
        ("nonfinite", "firing", 1, 100)
    ]
    assert told[0]["at"] == "2023-11-14T22:15:01.000Z"
    file.write_text("rules:\n  - {name: nonfinite, enabled: false}\n  - {name: crash, mode: observe}\n")
    told = tried(clickhouse, file, "--run", run)
    assert [(one["rule"], one["state"], one["step"]) for one in told] == [
        ("stalled", "firing", 200), ("stalled", "resolved", 200), ("crash", "firing", 300),
    ]  # fmt: skip
    file.write_text("rules:\n  - {name: stalled, params: {after: 900, after_max: 900}}\n")
    assert "stalled" not in {one["rule"] for one in tried(clickhouse, file, "--project", project)}


def test_what_cannot_be_tried_is_said(clickhouse: str, tmp_path: Path) -> None:
    """Neither run nor project, an unknown run, a time that is none, a file with a mistake."""
    file = tmp_path / "rules.yaml"
    file.write_text("rules: []")
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules:\n  - name: krash\n")
    migrate(connect(clickhouse))
    for argv, words in (
        ([str(file)], "say what to try them on"),
        ([str(file), "--run", "nobody"], "there is no run 'nobody'"),
        ([str(file), "--project", "p", "--since", "soon"], "--since is 'soon'"),
        ([str(bad), "--project", "p"], f"{bad}:2: krash: kind: there is no kind"),
    ):
        result = runwire("rules", "test", *argv, "--clickhouse", clickhouse)
        assert (result.returncode, words in result.stderr) == (2, True), result.stderr


def test_pulses_of_the_past_hold_what_was_logged(clickhouse: str) -> None:
    """Each point once, in the second in which it was logged, with the NaN's step and the values before."""
    run = f"past-{uuid.uuid4().hex[:6]}"
    store(clickhouse, "past", run)
    told = [record for _, record in past.records(connect(clickhouse), run) if not isinstance(record, Event)]
    counts = {
        rank: sum(one.metrics["train/loss"].count for one in told if one.rank == rank and one.metrics)
        for rank in (0, 1)
    }
    assert counts == {0: 300, 1: 300}
    first = next(one.metrics["train/loss"].first_nonfinite for one in told if one.rank == 1 and one.step == 100)
    assert first is not None
    assert (first["step"], first["before"][-1]) == (100, (99, 1 + 1 / 99))
    assert max(one.steps for one in told) == 300


def test_a_run_that_was_resumed_is_not_stalled_between_its_attempts(clickhouse: str) -> None:
    """Ten hours lie between, in which it neither lived nor was silent: how the first attempt ended is not stored."""
    run, first, later = f"past-{uuid.uuid4().hex[:6]}", BEGIN, BEGIN + 36_000
    records = [
        Message(EVENTS, 0, 0, None, Event("start", run, 0, first << 32, first * SECOND, {"project": "past"}).encode())
    ]
    for number, begin in enumerate((first, later)):
        steps, seq = range(number * 100 + 1, number * 100 + 101), (begin << 32) + 1
        planes = [
            array("Q", range(seq, seq + 100)), array("q", steps),
            array("q", [(begin + at) * SECOND for at in range(1, 101)]), array("d", [1 / step for step in steps]),
        ]  # fmt: skip
        frame = Frame(["train/loss"], 100, [plane.tobytes() for plane in planes])
        records.append(Message(METRICS, 0, number, None, encode(run, 0, [frame])))
    end = Event("finish", run, 0, (later << 32) + 400, (later + 101) * SECOND, {"exit_code": 0})
    records.append(Message(EVENTS, 0, 1, None, end.encode()))
    migrate(connect(clickhouse))
    assert Ingest(Session(clickhouse, serving._Impatient())).store(records) == []
    told = backtest.notices(rules(Settings()), past.records(connect(clickhouse), run))
    assert [(alert.rule, alert.state) for alert in told] == []
