"""A process that was killed, or ended by an error, unless that was asked for or planned."""

from __future__ import annotations

from collections.abc import Iterator

from runwire.wire import ATTEMPT_SHIFT, Event, Pulse
from runwire_alerting.book import Book, Fire, Resolve, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, checkpoint, joined, outlived

#: A pulse may say that a run failed before the event comes that says why; so long is waited for it.
_PATIENCE = 2 * SECOND
_TRACEBACK_LINES_MAX = 30
_TITLE_MAX = 200
_RESUMED = "the run was resumed."


class Crash(Rule):
    """Fires once an attempt; the rank's next attempt resolves it."""

    name = "crash"
    follows = frozenset({"nonfinite", "host_lost"})

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge how a process ended, and that a next one started."""
        attempt = event.seq >> ATTEMPT_SHIFT
        own = book.own(event.run, self.name, event.rank)
        if outlived(own, attempt):
            yield Resolve(own, attempt, _RESUMED)
        if attempt != rank.attempt or rank.ended not in ("killed", "failed"):
            return
        if event.type == "lost":
            yield from self._fire(rank, event.ts, *_killed(rank), book)
        elif event.type == "exception":
            yield from self._fire(rank, event.ts, *_exception(rank, event), book)
        elif event.type == "finish":
            yield from self._fire(rank, event.ts, *_failed(rank, event.data.get("exit_code")), book)

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge last pulses, and the first ones of a next attempt."""
        own = book.own(pulse.run, self.name, pulse.rank)
        if outlived(own, pulse.attempt):
            yield Resolve(own, pulse.attempt, _RESUMED)
        if pulse.attempt == rank.attempt and not pulse.alive and rank.ended == "killed":
            yield from self._fire(rank, pulse.sent, *_killed(rank), book)

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Fire for a failure whose exception does not come."""
        if rank.ended == "failed" and not rank.said and now - rank.arrived >= _PATIENCE:
            yield from self._fire(rank, rank.sent, *_failed(rank, None), book)

    def _fire(self, rank: Rank, ts: int, title: str, text: str, book: Book) -> Iterator[Verdict]:
        own = book.own(rank.run, self.name, rank.rank)
        if own is not None and rank.attempt < (own.attempt or 0):
            return
        if joined(book.of(rank.run, self.name), rank.rank, ts):
            return
        yield Fire(
            rule=self.name,
            run=rank.run,
            rank=rank.rank,
            attempt=rank.attempt,
            title=title,
            text=text + checkpoint(rank, ts),
            severity="critical",
            caused_at=ts,
            project=rank.project,
            name=rank.name,
            host=rank.host,
            step=rank.step,
        )


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
