"""A process that was killed, or ended by an error, unless that was asked for or planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from runwire.wire import ATTEMPT_SHIFT, Event, Pulse
from runwire.wire.messages import Severity
from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, Settable, checkpoint, joined, outlived

#: A pulse may say that a run failed before the event comes that says why; so long is waited for it.
_PATIENCE = 2 * SECOND
_TRACEBACK_LINES_MAX = 30
_TITLE_MAX = 200
RESUMED = "the run was resumed."


class Crash(Rule):
    """Detects that a process died: it was killed, ended with an exit code other than 0, or by an exception.

    Formula: the host's shipper finds the process gone without a finish, or the process tells of an exception or a
    failed finish. The first rank that dies is named, those that follow join it. The rank's next attempt resolves it.
    Where the launcher is to start the job anew (torchrun's ``--max-restarts``) the death is told as `restarting`, and
    as a crash only if no attempt follows within ``restart_within``. An end by SIGTERM, and one that the run had planned
    or was asked for, is no crash.

    Source: torchelastic names the earliest failure of a job as its cause.

    False alarms: who is killed by a scheduler that sends no SIGTERM first: say ``run.planned_stop(...)`` before.

    Example::

        rules:
          - name: crash
            actions: [{webhook: "https://example.org/hook"}]
    """

    name = "crash"
    follows = frozenset({"nonfinite", "gpu_xid"})
    _severity: ClassVar[Severity] = "critical"

    class Params(Settable):
        """What can be set."""

        restart_within: Seconds = Field(
            default=90.0,
            ge=0,
            le=100,  # what is read back of a run after a restart of the worker's must still tell of its death
            description="so many seconds a launcher that is to start the job anew has, before its death is a crash",
        )

    def __init__(self, params: Params) -> None:
        self._params = params

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge how a process ended, and that a next one started."""
        attempt = event.seq >> ATTEMPT_SHIFT
        own = book.own(event.run, self.name, event.rank)
        if outlived(own, attempt):
            yield Resolve(own, attempt, RESUMED)
        if attempt != rank.attempt or not _dead(rank) or not self._concerns(rank, book):
            return
        if event.type == "lost":
            yield from self._die(rank, event.ts, *_killed(rank), book)
        elif event.type == "exception":
            yield from self._die(rank, event.ts, *_exception(rank, event), book)
        elif event.type == "finish":
            yield from self._die(rank, event.ts, *_failed(rank, event.data.get("exit_code")), book)

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge last pulses, and the first ones of a next attempt."""
        own = book.own(pulse.run, self.name, pulse.rank)
        if outlived(own, pulse.attempt):
            yield Resolve(own, pulse.attempt, RESUMED)
        if not pulse.alive and pulse.attempt == rank.attempt and rank.ended == "killed" and self._concerns(rank, book):
            yield from self._die(rank, pulse.sent, *_killed(rank), book)

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Fire for a failure whose exception does not come, and for a restart that does not."""
        if not _dead(rank):
            return
        if self._concerns(rank, book):
            if not rank.said and rank.ended == "failed" and now - rank.arrived >= _PATIENCE:
                yield from self._die(rank, rank.sent, *_failed(rank, None), book)
        elif now - rank.arrived >= self._params.restart_within * SECOND:
            yield from self._not_restarted(rank, book)

    def _concerns(self, rank: Rank, book: Book) -> bool:
        """Return whether the death of a rank is of this kind."""
        return not _healed(rank, book)

    def _not_restarted(self, rank: Rank, book: Book) -> Iterator[Verdict]:
        title = f"{rank.label} died and was not started anew"
        text = f"{rank.who}: the process died{_at(rank)}. Its launcher was to start the job anew, and has not."
        yield from self._die(rank, rank.heard, title, text, book)

    def _die(self, rank: Rank, ts: int, title: str, text: str, book: Book) -> Iterator[Verdict]:
        own = book.own(rank.run, self.name, rank.rank)
        if own is not None and rank.attempt < (own.attempt or 0):
            return
        if joined(book.of(rank.run, self.name), rank, ts):
            return
        if rank.restarts is not None and rank.restarts_max is not None:
            text += f" Restarts of the job so far: {rank.restarts} of {rank.restarts_max}."
        yield self.fire(rank, title=title, text=text + checkpoint(rank, ts), severity=self._severity, caused_at=ts)


class Restarting(Crash):
    """Detects a death that the job's launcher is about to heal, as torchrun does, ``--max-restarts`` times.

    Formula: as `crash`, of a process whose launcher said that it has a restart left. It is recorded and nobody is told,
    unless a declaration says ``mode: notify``. The next attempt resolves it.

    Source: torchelastic's restart count and limit, as it gives them to each process.

    False alarms: none are known: what is not restarted is told as a crash after 90 s, and restarts that lead nowhere by
    `restart_without_progress`.

    Example::

        rules:
          - name: restarting
            mode: notify
    """

    name = "restarting"
    observed = True
    follows = frozenset({"nonfinite", "gpu_xid"})
    _severity: ClassVar[Severity] = "info"

    def _concerns(self, rank: Rank, book: Book) -> bool:
        return _healed(rank, book)

    def _not_restarted(self, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        yield from ()

    def _die(self, rank: Rank, ts: int, title: str, text: str, book: Book) -> Iterator[Verdict]:
        turn = f"restarting {(rank.restarts or 0) + 1} of {rank.restarts_max}"
        yield from super()._die(rank, ts, f"{title[: _TITLE_MAX - len(turn) - 3]} ({turn})", text, book)


def _healed(rank: Rank, book: Book) -> bool:
    """Return whether a rank's launcher is to start the job anew; also if only what was told of that is known yet."""
    told = book.troubles(rank.run, "restarting")
    return rank.restarts_left or any((alert.attempt or 0) >= rank.attempt for alert in told)


def _dead(rank: Rank) -> bool:
    return rank.ended in ("killed", "failed")


def _killed(rank: Rank) -> tuple[str, str]:
    return f"{rank.label} was killed", f"{rank.who}: the process was killed{_at(rank)}; it left no word of why."


def _failed(rank: Rank, exit_code: object) -> tuple[str, str]:
    how = "ended by an error" if exit_code is None else f"ended with exit code {exit_code}"
    return f"{rank.label} {how}", f"{rank.who}: the process {how}{_at(rank)}."


def _exception(rank: Rank, event: Event) -> tuple[str, str]:
    kind, message = str(event.data.get("kind") or "an exception"), str(event.data.get("message") or "")
    first = message.partition("\n")[0]
    title = f"{rank.label} crashed: {kind}" + (f": {first}" if first else "")
    lines = str(event.data.get("traceback") or f"{kind}: {message}").rstrip().splitlines()
    if len(lines) > _TRACEBACK_LINES_MAX:
        lines = ["…", *lines[-_TRACEBACK_LINES_MAX:]]
    return title[:_TITLE_MAX], "\n".join([f"{rank.who}: crashed{_at(rank)}.", *lines])


def _at(rank: Rank) -> str:
    return "" if rank.step is None else f" at step {rank.step}"
