"""A run that has finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runwire_alerting.book import Book, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import Rule, news


class Finished(Rule):
    """Tells that a run has finished, all ranks of it, without an error. It is off unless declared.

    Formula: the last rank that is known to live has said that it finished, and none crashed, was stopped or
    interrupted. Nothing resolves it; a run that goes on and finishes anew is told of anew.

    Source: what people ask their trackers for most, after crashes.

    False alarms: none are known.

    Example::

        rules:
          - name: finished
            where: {project: "pretrain-*"}
    """

    name = "finished"
    message = True
    standard = False

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge whether all ranks have finished."""
        if any(rank.ended != "finished" for rank in ranks):
            return
        first = min(ranks, key=lambda rank: rank.rank)
        own = book.own(first.run, self.name, first.rank)
        if own is not None and not (first.attempt > (own.attempt or 0) and news(own, first, first.sent)):
            return
        step = "" if first.step is None else f" at step {first.step}"
        yield self.fire(
            first,
            which=first.attempt,
            title=f"{first.label} has finished",
            text=f"{first.who}: finished{step}.",
            severity="info",
            caused_at=first.heard,
        )
