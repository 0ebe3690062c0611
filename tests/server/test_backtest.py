"""Rules tried on runs that are stored: what would have been told, and when."""

from __future__ import annotations

import json
import math
import uuid
from array import array
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest
import serving
from clickhouse_connect.driver.client import Client
from test_cli import runwire

from runwire.wire import EVENTS, METRICS, Event, Frame, Pulse, encode
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


def test_what_was_told_before_a_time_is_left_out_and_the_time_before_is_no_silence(
    clickhouse: str, tmp_path: Path
) -> None:
    """The NaN was, so was the begin of the stall, not its end; of a project its run is tried, which began before."""
    project, run = f"past-{uuid.uuid4().hex[:6]}", f"past-{uuid.uuid4().hex[:6]}"
    store(clickhouse, project, run)
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: nonfinite, enabled: false}]")
    since = datetime.fromtimestamp(BEGIN + 500, timezone.utc).isoformat()
    for argv in (("--run", run), ("--project", project)):
        told = tried(clickhouse, file, *argv, "--since", since)
        assert [(one["rule"], one["state"], one["step"]) for one in told] == [
            ("stalled", "resolved", 200), ("crash", "firing", 300),
        ]  # fmt: skip
    since = datetime.fromtimestamp(BEGIN + 5000, timezone.utc).isoformat()
    assert tried(clickhouse, file, "--project", project, "--since", since) == []


class _Counting:
    """A client that counts the rows that it is given."""

    def __init__(self, client: Client) -> None:
        self._client, self.rows = client, 0

    def query(self, *given: Any) -> Any:
        result = self._client.query(*given)
        self.rows += len(result.result_rows)
        return result

    def query_np(self, *given: Any) -> Any:
        block = self._client.query_np(*given)
        self.rows += len(block)
        return block


@pytest.mark.parametrize(
    ("pace", "since", "first"),
    [(1, 9000, 9000 - past.RUN_UP_SECONDS), (8, 9000, 9000 - past.RUN_UP_STEPS), (1, 200, 1)],
    ids=["an hour of a fast run", "so many steps of a slow one", "no more than there is"],
)
def test_no_more_is_read_than_rules_must_have_seen(clickhouse: str, pace: int, since: int, first: int) -> None:
    """Of a run of 10,000 steps that is tried from one of them on; what is told from then on is what all would tell."""
    run, last, seq = f"past-{uuid.uuid4().hex[:6]}", 10_000, BEGIN << 32
    steps = range(1, last + 1)
    losses = [10 / step**0.5 * (1 + 0.01 * (step % 7)) * (30 if 9500 <= step < 9510 else 1) for step in steps]
    planes = [
        array("Q", range(seq + 1, seq + last + 1)), array("q", steps),
        array("q", [(BEGIN + step * pace) * SECOND for step in steps]), array("d", losses),
    ]  # fmt: skip
    frame = Frame(["loss"], last, [plane.tobytes() for plane in planes])
    begin = Event("start", run, 0, seq, BEGIN * SECOND, {"project": "past"})
    end = Event("finish", run, 0, seq + last + 1, (BEGIN + last * pace + 1) * SECOND, {"exit_code": 0})
    migrate(connect(clickhouse))
    records = [
        Message(EVENTS, 0, 0, None, begin.encode()), Message(METRICS, 0, 0, None, encode(run, 0, [frame])),
        Message(EVENTS, 0, 1, None, end.encode()),
    ]  # fmt: skip
    assert Ingest(Session(clickhouse, serving._Impatient())).store(records) == []
    at = datetime.fromtimestamp(BEGIN + since * pace, timezone.utc)
    counting = _Counting(connect(clickhouse))
    read = list(past.records(cast("Client", counting), run, at))
    seen = [one.metrics["loss"].count for _, one in read if isinstance(one, Pulse) and one.metrics]
    assert sum(seen) == last + 1 - first
    assert counting.rows <= 2 * (last + 1 - first) + 10  # each step has its value and its time
    whole = backtest.notices(rules(Settings()), past.records(connect(clickhouse), run))
    told = list(backtest.notices(rules(Settings()), iter(read), round(at.timestamp() * SECOND)))
    assert [(one.rule, one.state, one.step) for one in told] == [
        (one.rule, one.state, one.step) for one in whole if (one.told_at or 0) >= at.timestamp() * SECOND
    ]
    assert [(one.rule, one.state, one.step) for one in told][:1] == [("loss_spike", "firing", 9504)]


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
