"""A run that was ended from outside, as planned."""

from __future__ import annotations

from collections.abc import Iterator

from runwire.wire import ATTEMPT_SHIFT, Event, Pulse
from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.crash import RESUMED
from runwire_alerting.rules.rule import Rule, checkpoint, joined, outlived


class Preempted(Rule):
    """Detects that a run was ended from outside in an orderly way: by SIGTERM, a time limit, a preemption.

    Formula: the process ended by SIGTERM, or after it said ``run.planned_stop(reason)``. A run that was asked to stop
    (``runwire stop``), that finished or was interrupted by Ctrl-C was not. Neither is one whose launcher ends all ranks
    because one of them died: that is told of the one. It is recorded and nobody is told, unless a declaration says
    ``mode: notify``. The next attempt resolves it.

    Source: how an end by SIGTERM is known is in decision 0023.

    False alarms: guards against full memory that send SIGTERM before they kill.

    Example::

        rules:
          - name: preempted
            mode: notify
    """

    name = "preempted"
    observed = True
    follows = frozenset({"crash", "restarting"})

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge how a process ended, and that a next one started."""
        attempt = event.seq >> ATTEMPT_SHIFT
        own = book.own(event.run, self.name, event.rank)
        if outlived(own, attempt):
            yield Resolve(own, attempt, RESUMED)
        if attempt != rank.attempt or rank.ended != "stopped" or event.data.get("stopped") is not True:
            return
        reason = str(event.data.get("reason")) if event.type == "lost" else rank.planned
        if reason is None or book.troubles(event.run, "crash", "restarting"):
            return
        if (own is None or rank.attempt > (own.attempt or 0)) and not joined(
            book.of(event.run, self.name), rank, event.ts
        ):
            yield self.fire(
                rank,
                title=f"{rank.label} was stopped: {reason}",
                text=f"{rank.who}: ended by {reason}, which is no crash." + checkpoint(rank, event.ts),
                severity="info",
                caused_at=event.ts,
            )

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge that a next attempt lives."""
        own = book.own(pulse.run, self.name, pulse.rank)
        if outlived(own, pulse.attempt):
            yield Resolve(own, pulse.attempt, RESUMED)
