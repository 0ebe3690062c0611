"""Runs whose every value is known here, stored as the stream does it; and a filter's meaning over them, in Python."""

from __future__ import annotations

import itertools
import math
import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from runwire.errors import UnavailableError
from runwire.wire import ATTEMPT_SHIFT, EVENTS, METRICS, Event, Frame, encode
from runwire_faust.message import Message
from runwire_storage.queries.filter import tree
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_seqs = itertools.count(1)


class _Impatient:
    def wait(self, error: UnavailableError) -> None:
        raise error

    def over(self) -> None:
        pass


def ingest(url: str) -> Ingest:
    """What the stream stores with."""
    return Ingest(Session(url, _Impatient()))


@dataclass(repr=False)
class KnownRun:
    """A run: its seconds count from `START`; its points are by metric and rank, by step."""

    id: str
    name: str = ""
    project: str = ""
    entity: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    commit: str = ""
    host: str = ""
    started: float = 0
    ended: float | None = None
    exit_code: int | None = None
    tags: frozenset[str] = frozenset()
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[tuple[str, int], Mapping[int, float]] = field(default_factory=dict)
    dropped: tuple[int, ...] = ()
    stop_reason: str = ""
    stands: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.id

    @property
    def state(self) -> str:
        if self.ended is None:
            return "running"
        return "stopped" if self.stop_reason else "failed" if self.exit_code else "finished"

    @property
    def seen(self) -> float:
        """Points are logged at the run's start."""
        return self.started if self.ended is None else self.ended


def store(writer: Ingest, runs: Iterable[KnownRun]) -> None:
    """Tell and log all of the runs."""
    for run in runs:
        first = _micros(run.started)
        names = ("project", "name", "entity", "group", "job_type", "notes", "host")
        begin = {**{name: getattr(run, name) for name in names}, "config": run.config, "git": {"commit": run.commit}}
        tell(writer, run.id, "start", first, {**begin, "tags": sorted(run.tags)})
        if run.summary:
            tell(writer, run.id, "summary", first, dict(run.summary))
        if run.stands:
            tell(writer, run.id, "metric", first, {name: {"summary": stands} for name, stands in run.stands.items()})
        for rows in run.dropped:
            tell(writer, run.id, "dropped", first, {"rows": rows, "reason": "No space left on device"})
        if run.stop_reason:
            tell(writer, run.id, "planned_stop", first, {"reason": run.stop_reason, "until": first})
        for series, points in run.points.items():
            log(writer, run.id, series, points, run.started)
        if run.ended is not None:
            stopped = {"stopped": True} if run.stop_reason else {}
            tell(writer, run.id, "finish", _micros(run.ended), {"exit_code": run.exit_code, **stopped})


def log(
    writer: Ingest,
    run: str,
    series: tuple[str, int],
    points: Mapping[int, float],
    started: float = 0,
    *,
    attempt: int = 0,
) -> None:
    """Store one batch of points of a metric and rank, in this order and all of one time."""
    metric, rank = series
    count = len(points)
    planes = [
        array("Q", [(attempt << ATTEMPT_SHIFT) + next(_seqs) for _ in points]).tobytes(),
        array("q", points).tobytes(),
        array("q", [_micros(started)] * count).tobytes(),
        array("d", points.values()).tobytes(),
    ]
    record = Message(METRICS, 0, next(_seqs), None, encode(run, rank, [Frame([metric], count, planes)]))
    assert not writer.store([record])


def tell(writer: Ingest, run: str, kind: Any, ts: int, data: dict[str, Any], *, attempt: int = 0) -> None:
    """Store one event."""
    seq = (attempt << ATTEMPT_SHIFT) + next(_seqs)
    assert not writer.store([Message(EVENTS, 0, seq, None, Event(kind, run, 0, seq, ts, data).encode())])


def _micros(seconds: float) -> int:
    return (START - _EPOCH + timedelta(seconds=seconds)) // timedelta(microseconds=1)


def holds(condition: tree.Condition, run: KnownRun) -> bool:  # noqa: PLR0911 - one for each kind of condition
    """Whether a condition holds for a run, by the description of the language alone."""
    if isinstance(condition, tree.And):
        return all(holds(part, run) for part in condition.conditions)
    if isinstance(condition, tree.Or):
        return any(holds(part, run) for part in condition.conditions)
    if isinstance(condition, tree.Not):
        return not holds(condition.condition, run)
    found = look(condition.operand, run)
    if isinstance(condition, tree.IsNaN):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(condition, tree.Has):
        return _there(condition.operand, found)
    if isinstance(condition, tree.Among):
        return any(_compare(found, "=", value) for value in condition.values)
    return _compare(found, condition.operator, condition.value)


def _there(operand: tree.Operand, found: Any) -> bool:
    if isinstance(operand, tree.Metric) and operand.function in {"count", "nonfinite"}:
        return bool(found)
    return found is not None and not (isinstance(operand, tree.Field) and found in ("", frozenset()))


def look(operand: tree.Operand, run: KnownRun) -> Any:
    """What a run has there: a float, a str, a datetime, a set of tags; None if it has nothing."""
    if isinstance(operand, tree.Config):
        return _plain(run.config[operand.key]) if operand.key in run.config else None
    if isinstance(operand, tree.Summary):
        if operand.key in run.summary:
            return _plain(run.summary[operand.key])
        stands = run.stands.get(operand.key, "last")
        return None if stands == "none" else look(tree.Metric(stands, operand.key), run)
    if isinstance(operand, tree.Metric):
        return _metric(operand, run)
    fields: dict[str, Callable[[], Any]] = {
        "id": lambda: run.id,
        "name": lambda: run.name or run.id,
        "project": lambda: run.project or "default",
        "entity": lambda: run.entity,
        "group": lambda: run.group,
        "job_type": lambda: run.job_type,
        "notes": lambda: run.notes,
        "commit": lambda: run.commit,
        "state": lambda: run.state,
        "stop_reason": lambda: run.stop_reason,
        "host": lambda: run.host,
        "tag": lambda: run.tags,
        "started": lambda: START + timedelta(seconds=run.started),
        "ended": lambda: None if run.ended is None else START + timedelta(seconds=run.ended),
        "duration": lambda: float(run.seen - run.started),
        "ranks": lambda: float(len({0, *(rank for _, rank in run.points)})),
        "last_step": lambda: max((float(max(points)) for points in run.points.values()), default=None),
        "exit_code": lambda: None if run.exit_code is None else float(run.exit_code),
        "dropped_rows": lambda: float(sum(run.dropped)),
    }
    return fields[operand.name]()


def _plain(value: Any) -> Any:
    """A value of config or summary as the language sees it: a number, or a text; what is not finite has a name."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return value if isinstance(value, str) and value != "NaN" else float(value)


def _metric(metric: tree.Metric, run: KnownRun) -> float | None:
    ranks = {
        rank: points
        for (name, rank), points in sorted(run.points.items())
        if name == metric.name and metric.rank in {None, rank}
    }
    values = [value for points in ranks.values() for value in points.values()]
    finite = list(filter(math.isfinite, values))
    if metric.function in {"first", "last"}:
        lowest = next(iter(ranks.values()), None)
        return None if lowest is None else lowest[(min if metric.function == "first" else max)(lowest)]
    found: dict[str, float | None] = {
        "count": float(len(values)),
        "nonfinite": float(len(values) - len(finite)),
        "min": min(finite, default=None),
        "max": max(finite, default=None),
        "mean": sum(finite) / len(finite) if finite else None,
    }
    return found[metric.function]


def _compare(found: Any, operator: str, value: tree.Value) -> bool:
    if isinstance(found, frozenset):
        return any(_compare(tag, operator, value) for tag in found)
    if not isinstance(value, type(found)):
        return False
    if operator == "~":
        return re.search(str(value), found) is not None
    if isinstance(found, float) and math.isnan(found):
        return False
    ways: dict[str, Callable[[Any, Any], bool]] = {
        "=": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    return ways[operator](found, value)
