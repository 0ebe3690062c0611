"""What a stored run was, as the pulses and events that alerting would have read of it.

Of a pulse there is what the store has: the values of each metric, second by second, the steps and their pace, and how
the run ended. Phases, checkpoints and what the machine did are not made anew, nor is where a pulse was late.

Rules compare what comes with what came before. So of a run that is tried from some time on, a run-up is read, too: the
hour before, and at least so many steps that every rule by default is past its first points and its window is full. What
came before that is not read. A rule that goes by a run's whole course, as `plateau` and `slowdown` do, goes by what it
has seen of that.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from runwire.errors import UsageError
from runwire.wire import ATTEMPT_SHIFT, Event, MetricPulse, Pulse, loads
from runwire.wire.messages import BEFORE_MAX
from runwire.wire.names import is_system
from runwire_storage.schema import DATABASE, TIME

_SECOND = 1_000_000
#: All of a run's points are held while it is tried.
_POINTS_MAX = 20_000_000
#: While nothing is logged a run still says that it lives.
_QUIET_SECONDS = 5
#: The longest of so many steps is the run's pace, as the shipper tells it.
_PACE_STEPS = 50

#: What is read of a rank before the time from which it is tried: so long, and at least so many steps.
RUN_UP_SECONDS = 3600
RUN_UP_STEPS = 500

_ENDS = {"finished": ("finish", {"exit_code": 0}), "stopped": ("finish", {"exit_code": 0, "stopped": True})}


@dataclass(frozen=True)
class _Points:
    """The points of one rank, by rising seq; ``ts`` is when each was logged, microseconds."""

    metrics: NDArray[Any]
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    ts: NDArray[np.int64]
    attempts: NDArray[np.int64]


class _Span(NamedTuple):
    """What is read of a rank: from which seq and which step on, and how many points."""

    rank: int
    seq: int
    step: int
    points: int


def runs(client: Client, project: str, since: datetime | None) -> list[str]:
    """Return the runs of a project, by their begin, but for those that had ended before ``since``."""
    rows = client.query(
        f"""
            SELECT id FROM {DATABASE}.runs WHERE project = {{project:String}}
            AND (ended_at IS NULL OR ended_at >= {{since:DateTime64(6, 'UTC')}}) ORDER BY started_at
        """,  # noqa: S608 - constants
        {"project": project, "since": since or datetime.fromtimestamp(0)},  # noqa: DTZ006 - the driver's own zone
    )
    return [row[0] for row in rows.result_rows]


def records(client: Client, run: str, since: datetime | None = None) -> Iterator[tuple[int, Pulse | Event]]:
    """Yield what came of a run and when, microseconds since the epoch, by rising time.

    Args:
        client: of the store.
        run: its id.
        since: from when on it is tried; of what was logged before only the run-up is read.

    Raises:
        UsageError: there is no such run, or it has more points than can be tried.
    """
    about = next(iter(_ask(client, "SELECT * EXCEPT (summary) FROM {db}.runs WHERE id = {run:String}", run)), None)
    if about is None:
        raise UsageError(f"there is no run {run!r}: give its whole id, as `runwire runs` shows it")
    spans = [_span(client, run, rank, seq) for rank, seq in _begins(client, run, since).items()]
    count = sum(span.points for span in spans)
    if count > _POINTS_MAX:
        raise UsageError(
            f"run {run} has {count:,} points to read, more than the {_POINTS_MAX:,} that can be tried: "
            "try a shorter one, or its end with --since"
        )
    yield from heapq.merge(*(_rank(client, about, span) for span in spans), key=lambda told: told[0])


def _begins(client: Client, run: str, since: datetime | None) -> dict[int, int]:
    """Return of each rank the seq from which on it is read."""
    ranks = _ask(client, "SELECT DISTINCT rank FROM {db}.series WHERE run = {run:String} ORDER BY rank", run)
    if since is None:
        return {row["rank"]: 0 for row in ranks}
    rows = client.query(
        f"""
            WITH clock AS (
                SELECT rank, seq, value FROM {DATABASE}.stored_points FINAL
                WHERE run = {{run:String}} AND metric = '{TIME}'
            )
            SELECT rank, min(seq) FROM (
                SELECT rank, seq FROM clock WHERE value >= {{since:Float64}} - {RUN_UP_SECONDS}
                UNION ALL
                SELECT rank, seq FROM clock WHERE value < {{since:Float64}} ORDER BY seq DESC
                LIMIT {RUN_UP_STEPS} BY rank
            ) GROUP BY rank
        """,  # noqa: S608 - constants
        {"run": run, "since": since.timestamp()},
    )
    found: dict[int, int] = {row[0]: row[1] for row in rows.result_rows}
    return {row["rank"]: found[row["rank"]] for row in ranks if row["rank"] in found}


def _span(client: Client, run: str, rank: int, seq: int) -> _Span:
    # The store is in the order of steps, so it finds what is to be read by them.
    [row] = client.query(
        f"""
            SELECT min(step), countIf(metric != '{TIME}') FROM {DATABASE}.stored_points FINAL
            WHERE run = {{run:String}} AND rank = {{rank:UInt32}} AND seq >= {{seq:UInt64}}
        """,  # noqa: S608 - constants
        {"run": run, "rank": rank, "seq": seq},
    ).result_rows
    return _Span(rank, seq, *row)


def _ask(client: Client, sql: str, run: str) -> list[dict[str, Any]]:
    return list(client.query(sql.replace("{db}", DATABASE), {"run": run}).named_results())


def _rank(client: Client, about: Mapping[str, Any], span: _Span) -> list[tuple[int, Pulse | Event]]:
    points, rank = _points(client, about["id"], span), span.rank
    if not len(points.steps):
        return []
    first = int(points.ts.min())
    attempt = int(points.attempts[0])
    config = about["config"] if isinstance(about["config"], dict) else loads(str(about["config"] or "{}").encode())
    start = {
        "project": about["project"], "name": about["name"], "host": about["host"], "config": config,
        "tags": list(about["tags"]),
    }  # fmt: skip
    said: list[tuple[int, Pulse | Event]] = [
        (first, Event("start", about["id"], rank, attempt << ATTEMPT_SHIFT, first, start))
    ]
    said += ((pulse.sent, pulse) for pulse in _pulses(points, about, rank))
    ended = about["ended_at"]
    if ended is not None and about["state"] != "running":
        at = max(round(ended.timestamp() * _SECOND), said[-1][0] + 1)
        type_, data = _end(about)
        seq = (int(points.attempts[-1]) << ATTEMPT_SHIFT) + 0xFFFFFFFF
        said.append((at, Event(type_, about["id"], rank, seq, at, data)))  # type: ignore[arg-type]
    return said


def _end(about: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if about["state"] == "crashed":
        return "lost", {"reason": "killed"}
    if about["state"] == "failed" and about["exception"]:
        return "exception", dict(loads(about["exception"].encode()))
    return _ENDS.get(about["state"], ("finish", {"exit_code": about["exit_code"] or 1}))


def _points(client: Client, run: str, span: _Span) -> _Points:
    block = client.query_np(
        f"""
            SELECT metric, step, value, seq FROM {DATABASE}.stored_points FINAL
            WHERE run = {{run:String}} AND rank = {{rank:UInt32}}
            AND step >= {{step:Int64}} AND seq >= {{seq:UInt64}} ORDER BY seq
        """,  # noqa: S608 - constants
        {"run": run, "rank": span.rank, "step": span.step, "seq": span.seq},
    )
    columns = [np.array([row[place] for row in block]) for place in range(4)] if len(block) else [np.zeros(0)] * 4
    metrics, steps, values, seqs = columns
    steps, values = steps.astype(np.int64), values.astype(np.float64)
    clock = metrics == TIME
    times = dict(zip(steps[clock].tolist(), (values[clock] * _SECOND).astype(np.int64).tolist(), strict=True))
    mine = np.array(
        [not told and not is_system(str(metric)) for metric, told in zip(metrics, clock, strict=True)], bool
    )
    mine &= np.array([step in times for step in steps.tolist()], bool)
    steps = steps[mine]
    ts = np.array([times[step] for step in steps.tolist()], np.int64)
    return _Points(metrics[mine], steps, values[mine], ts, (seqs[mine].astype(np.uint64) >> 32).astype(np.int64))


def _pulses(points: _Points, about: Mapping[str, Any], rank: int) -> Iterator[Pulse]:
    """Yield a pulse for each second in which something was logged, and now and then where nothing was."""
    last: dict[str, list[tuple[int, float]]] = defaultdict(list)
    seconds = points.ts // _SECOND
    bounds = np.flatnonzero(np.diff(seconds)) + 1
    step, progressed, steps = None, int(points.ts[0]), 0
    before: dict[str, Any] | None = None
    paces: list[float] = []
    for chosen in np.split(np.arange(len(seconds)), bounds):
        at, attempt = (int(seconds[chosen[0]]) + 1) * _SECOND, int(points.attempts[chosen[-1]])
        told: dict[str, list[int]] = defaultdict(list)
        for index in chosen.tolist():
            told[str(points.metrics[index])].append(index)
            if points.steps[index] != step:
                paces = [*paces, (int(points.ts[index]) - progressed) / _SECOND][-_PACE_STEPS:]
                step, progressed, steps = int(points.steps[index]), int(points.ts[index]), steps + 1
        given: dict[str, Any] = {
            "run": about["id"], "rank": rank, "attempt": attempt, "project": about["project"], "name": about["name"],
            "host": about["host"], "pid": 0, "alive": True, "started": attempt * _SECOND, "step": step, "steps": steps,
        }  # fmt: skip
        if before is not None and before["attempt"] != attempt:
            # How that one ended is not stored. It did, so it was neither stalled nor lost until the next one began.
            final = {**before, "sent": before["sent"] + 1, "metrics": {}, "alive": False, "ended": "stopped"}
            yield Pulse(**final, interval=1.0)
        elif before is not None:
            for quiet in range(before["sent"] + _QUIET_SECONDS * _SECOND, at, _QUIET_SECONDS * _SECOND):
                yield Pulse(**{**before, "sent": quiet, "metrics": {}}, interval=float(_QUIET_SECONDS))
        now = {**given, "sent": at, "progressed": progressed, "step_seconds_max": max(paces, default=None)}
        metrics = {metric: _summary(points, indexes, last[metric]) for metric, indexes in told.items()}
        yield Pulse(**now, interval=1.0, metrics=metrics)
        before = now


def _summary(points: _Points, indexes: list[int], before: list[tuple[int, float]]) -> MetricPulse:
    values = [float(points.values[index]) for index in indexes]
    finite = [value for value in values if math.isfinite(value)]
    first = None
    for index, value in zip(indexes, values, strict=True):
        if first is None and not math.isfinite(value):
            first = {
                "step": int(points.steps[index]), "ts": int(points.ts[index]), "value": value, "before": before[:],
            }  # fmt: skip
        before.append((int(points.steps[index]), value))
        del before[:-BEFORE_MAX]
    if not finite:
        return MetricPulse(len(values), values[-1], nonfinite=len(values), first_nonfinite=first)
    return MetricPulse(
        len(values), values[-1], min(finite), max(finite), math.fsum(finite), len(values) - len(finite), first
    )
