"""The urgent lane of one spool: its events as they are, and a pulse each second, or at once on a first NaN.

It reads the spool on its own, ahead of the bulk: an alert must not wait until a backlog is delivered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

from runwire.shipper import slots
from runwire.shipper.flight import Flight
from runwire.shipper.link import Link
from runwire.shipper.replicated import Replicated
from runwire.shipper.tail import last_lines
from runwire.shipper.vitals import Progress, Vitals
from runwire.spool import TERMINATED, Damage, Item, Meta, Position, Reader, Rows, Told
from runwire.wire import EVENTS, PULSE, Event, MetricPulse
from runwire.wire.messages import encode_pulse

#: A living run is told of so often, seconds.
INTERVAL = 1.0
_PHASES = round(INTERVAL / slots.SECONDS)
#: While Kafka does not answer, pulses are not piled up: the next one will tell it all.
_STALE = 3.0
#: A pulse of more metrics becomes several, so that each stays below a record's limit.
_METRICS_MAX = 500
_EXIT_SIGINT = 130
#: An end so long after a SIGTERM was noted down is not by it.
_TERMINATED_SECONDS = 30


class Mark(NamedTuple):
    """Where the lane is, and what it has to know there to go on.

    Attributes:
        position: everything before it was told.
        seq: the number of the last record before it.
        progress: how far the run was.
        raised: the kind of the exception that was told, None if there was none.
        exit_code: as the finish said; None before that.
        closed: whether the last pulse was sent.
        planned: why the run is about to be stopped, and until when (microseconds since the epoch) an end is that.
        stopped: whether the run said of its end that it was asked for or planned.
        doing: what pulses tell of the run's place in its job, its phase and its last checkpoint, by their fields.
        replicated: the metrics that are to be the same on all ranks.
    """

    position: Position
    seq: int
    progress: Progress
    raised: str | None = None
    exit_code: int | None = None
    closed: bool = False
    planned: tuple[str, int] | None = None
    stopped: bool = False
    doing: Mapping[str, Any] = MappingProxyType({})
    replicated: tuple[str, ...] = ()


class Watch:
    """Tells of one spool's run.

    Args:
        folder: the spool.
        meta: whose it is.
        mark: up to where all is told.
        link: the way to Kafka.

    Attributes:
        due: when `step` is to be called next, by the monotonic clock, unless the spool grows before.
        fresh: whether the last look found something that is not read yet.
        items: what the last `step` read.
        alerting: when something was last sent that an alert may answer to, microseconds since the epoch.
    """

    def __init__(self, folder: Path, meta: Meta, mark: Mark, link: Link) -> None:
        self._reader = Reader(folder, mark.position, mark.seq)
        self._folder, self._meta = folder, meta
        self._key = meta.run.encode()
        #: What all pulses say.
        self._process = {
            "run": meta.run,
            "rank": meta.rank,
            "attempt": meta.attempt,
            "project": meta.project,
            "name": meta.name,
            "host": meta.host,
            "pid": meta.pid,
            "started": meta.started,
            "interval": INTERVAL,
        }
        self._link = link
        self._flight = Flight(mark)
        self._here = mark
        #: The mark before the first row that no pulse has told.
        self._untold: Mark | None = None
        self._vitals = Vitals(mark.progress)
        self._replicated = Replicated(mark.replicated)
        self._seen_alive = False
        # Spools that are found together are not to go on in step: the second pulse comes earlier, in a slot by the run.
        self._interval = INTERVAL * (1 + crc32(meta.run.encode()) % _PHASES) / _PHASES
        self.due = self._next_turn = 0.0
        self.fresh = True
        self.items: list[Item] = []
        self._console: list[str] = []
        self.alerting = 0

    @property
    def delivered(self) -> Mark:
        """Everything before this mark is acknowledged."""
        return self._flight.acknowledged

    @property
    def position(self) -> Position:
        """Everything before this place is read."""
        return self._here.position

    @property
    def reader(self) -> Reader:
        """What it reads by."""
        return self._reader

    def end(self) -> Position | None:
        """Return about up to where the run had logged when it was last looked at, None if that is not known."""
        return self._reader.end()

    @property
    def finished(self) -> bool:
        """Whether the run said that it is finished: nothing comes after that."""
        return self._here.exit_code is not None

    @property
    def done(self) -> bool:
        """Whether the run's end was told and acknowledged."""
        return self._here.closed and self.delivered.closed

    def calls(self, now: float) -> bool:
        """Return whether there is something to do. A look says that nothing is new for a tenth of what a read takes.

        Args:
            now: time of the monotonic clock.
        """
        self.fresh = self._reader.grown()
        if not self.fresh and now >= self._next_turn:
            self._next_turn = now + INTERVAL
            self.fresh = self._reader.turned()
        return self.fresh or now >= self.due

    def step(self, now: float, *, gone: bool, waiting: Callable[[], int]) -> bool:
        """Read on, and tell what is to be told. Return whether there is more to do at once.

        What is written meanwhile is the next call's: a run that logs without end would be followed row by row.

        Args:
            now: as it was given to `calls`.
            gone: whether the run's process was known to be gone before this call.
            waiting: tells how many bytes of the run are not delivered.
        """
        self.items = []
        if self._here.closed or not self._link.room("urgent"):
            return False
        self._seen_alive |= not gone
        if gone or self.fresh:
            self._next_turn = now + INTERVAL
            self.items = self._reader.read(gone=gone)
        items = self.items
        urgent = self._take(items)
        if not items and (gone or self.finished):
            self._close(now, waiting())
            return False
        if not gone and (urgent or (now >= self.due and self._flight.age(now) < _STALE)):
            self._pulse(now, waiting())
        elif self._untold is None:
            self._flight.skip(self._here)
        return bool(items) and (gone or self.finished or not self._reader.caught_up)

    def close(self) -> None:
        """Let go of the spool."""
        self._reader.close()

    def _take(self, items: Sequence[Item]) -> bool:
        """Take in what was read. Return whether it is to be told at once."""
        urgent = False
        for item in items:
            if isinstance(item, Rows):
                self._untold = self._untold or self._here
                urgent |= self._vitals.add(item)
                if self._replicated:
                    self._replicated.add(item)
            elif isinstance(item, Told):
                self._tell(item.seq, item.event, item.end)
            elif isinstance(item, Damage):
                self._tell_damage(item)
            self._here = Mark(
                item.end, item.seq, self._vitals.progress, *self._here[3:]
            )  # _replace takes thrice as long
        if urgent:
            self.alerting = _now()
        return urgent

    def _tell(self, seq: int, event: dict[str, Any], end: Position) -> None:
        kind, data = event["type"], event["data"]
        if kind == "exception":
            self._here = self._here._replace(raised=str(data.get("kind")), stopped=data.get("stopped") is True)
        elif kind == "planned_stop":
            self._here = self._here._replace(planned=(str(data.get("reason")), int(data.get("until") or 0)))
        elif kind == "finish":
            code, stopped = data.get("exit_code"), data.get("stopped") is True
            exit_code = code if isinstance(code, int) else 1
            self._here = self._here._replace(exit_code=exit_code, stopped=stopped or self._here.stopped)
            self.due = 0.0  # whoever finishes waits for the delivery
        elif kind == "alert":
            self.alerting = _now()
        elif kind == "metric":
            self._replicated.define(data)
            self._here = self._here._replace(replicated=self._replicated.metrics)
        elif kind == "start":
            self._here = self._here._replace(doing={**self._here.doing, **_place(data)})
        elif kind == "phase":
            phase = {"phase": data.get("phase"), "phase_since": event["ts"], "phase_limit": data.get("limit")}
            self._here = self._here._replace(doing={**self._here.doing, **phase})
        elif kind == "checkpoint" and data.get("action") == "saved":
            saved = {"checkpoint_step": data.get("step"), "checkpoint_at": event["ts"]}
            self._here = self._here._replace(doing={**self._here.doing, **saved})
        failed = kind == "exception" or (kind == "finish" and bool(data.get("exit_code")))
        if failed and data.get("stopped") is not True:
            data = self._with_console(data)
        self._send_event(kind, seq, event["ts"], data, end)

    def _with_console(self, data: dict[str, Any]) -> dict[str, Any]:
        """Add what the process printed last: alerting, which reads no console, tells it with the failure."""
        self._console = last_lines(self._folder)
        return {**data, "console": self._console} if self._console else data

    def _tell_damage(self, damage: Damage) -> None:
        data = {
            "rows": damage.records,
            "bytes": damage.size,
            "reason": "a part of the spool cannot be read any more: its checksum does not fit",
        }
        self._send_event("dropped", damage.seq, _now(), data, damage.end)

    def _close(self, now: float, waiting: int) -> None:
        """Tell how the run ended."""
        here = self._here
        if here.exit_code is None and here.raised is None:
            ended = "killed"
            # The same seq whoever says it, and however often.
            ts = _now() if self._seen_alive else int(self._reader.written() * 1e6) or _now()
            here = here._replace(seq=here.seq + 1)
            planned = self._planned(ts)
            if planned is not None:
                ended = "stopped"
            lost = (
                {"reason": planned, "stopped": True}
                if planned is not None
                else self._with_console({"reason": "killed"})
            )
            self._send_event("lost", here.seq, ts, lost, here.position)
        elif here.stopped:
            ended = "stopped"
        elif here.raised == "KeyboardInterrupt" or here.exit_code == _EXIT_SIGINT:
            ended = "interrupted"
        else:
            ended = "failed" if here.raised is not None or here.exit_code else "finished"
        self._here = here._replace(closed=True)
        self._pulse(now, waiting, ended=ended)

    def _planned(self, ts: int) -> str | None:
        """Return why the run was stopped, if its end at ``ts`` (microseconds since the epoch) was no crash."""
        planned = self._here.planned
        if planned is not None and ts <= planned[1]:
            return planned[0]
        try:
            noted = (self._folder / TERMINATED).stat()
        except OSError:
            return None
        # A child that was forked by other means than Python's may have noted down its own end here.
        soon = ts <= noted.st_mtime_ns // 1000 + _TERMINATED_SECONDS * 1_000_000
        return "SIGTERM" if noted.st_size and soon else None

    def _send_event(self, kind: Any, seq: int, ts: int, data: dict[str, Any], end: Position) -> None:
        meta = self._meta
        value = Event(kind, meta.run, meta.rank, seq, ts, data).encode()
        # Rows before it may not be told yet: they are what would be read again.
        mark = self._untold or self._here._replace(position=end, seq=seq)
        self._flight.add(self._link.send("urgent", EVENTS, self._key, value), mark)

    def _pulse(self, now: float, waiting: int, ended: str | None = None) -> None:
        if not self.finished:
            self.due = slots.before(now + self._interval)
            self._interval = INTERVAL
        before, self._untold = self._untold or self._here, None
        metrics = self._vitals.drain()
        while len(metrics) > _METRICS_MAX:
            names = iter(metrics.items())
            # Only the last of several says that the run has ended, and that all was told.
            self._send_pulse(dict(islice(names, _METRICS_MAX)), waiting, None, before)
            metrics = dict(names)
        self._send_pulse(metrics, waiting, ended, self._here)

    def _send_pulse(
        self, metrics: Mapping[str, MetricPulse | float], waiting: int, ended: str | None, mark: Mark
    ) -> None:
        step, steps, progressed = self._vitals.progress
        moment = {
            "sent": _now(),
            "alive": ended is None,
            "progressed": progressed,
            "step": step,
            "steps": steps,
            "step_seconds_max": self._vitals.step_seconds_max,
            "ended": ended,
            "waiting_bytes": waiting,
            "replicated": self._replicated.drain(),
            # The last pulse may be read before the event that says the same.
            "console": self._console or None if ended in ("killed", "failed") else None,
            **self._here.doing,
        }
        value = encode_pulse(self._process, moment, metrics)
        self._flight.add(self._link.send("urgent", PULSE, self._key, value), mark)


def _place(start: Mapping[str, Any]) -> dict[str, int]:
    """Return what pulses tell of a process's place in its job, as its start event says it."""
    parallel, restarts = start.get("parallel") or {}, start.get("restarts") or {}
    told = {"restarts": restarts.get("count"), "restarts_max": restarts.get("max"), "stage": parallel.get("pipeline")}
    return {name: number for name, number in told.items() if number is not None}


def _now() -> int:
    return time.time_ns() // 1000
