"""A loss that is NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from runwire.wire import MetricPulse, Pulse
from runwire_alerting.book import Book, Fire, Resolve, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import Rule, checkpoint, joined, outlived

#: So many of the values before it are told in words.
_TOLD_MAX = 10


class Nonfinite(Rule):
    """Detects that a loss stops being a number: it is NaN or infinite.

    Formula: one value of a pulse is not finite, once a metric and attempt; the step, the rank, and the values before
    it are named. A loss is a metric whose name's last part has "loss" in it, or of which ``define_metric`` says
    ``role="loss"``; ``where.metric`` names others. A later attempt that logs numbers resolves it.

    Source: Megatron-LM looks at each rank's loss before it is averaged, and ends the training. There is no threshold.

    False alarms: a loss over an empty set, as of a class that a batch lacks. Other metrics are not judged unless they
    are named: with fp16 loss scaling an infinite gradient norm is ordinary.

    Example::

        rules:
          - name: nonfinite
            where: {metric: ["*loss*", reward]}
            actions: [stop]
    """

    name = "nonfinite"

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:
        """Judge the losses of a pulse."""
        for metric, seen in pulse.metrics.items():
            if not self._judges(metric, rank):
                continue
            if seen.nonfinite:
                yield from self._fire(pulse, rank, metric, seen, book)
            elif seen.count:
                own = book.own(pulse.run, self.name, pulse.rank, metric)
                if outlived(own, pulse.attempt):
                    yield Resolve(own, pulse.attempt, f"the run was resumed, and {metric} is a number again.")

    def _judges(self, metric: str, rank: Rank) -> bool:
        if self.metrics:
            return any(fnmatchcase(metric, glob) for glob in self.metrics)
        return is_loss(metric) or rank.facts.roles.get(metric) == "loss"

    def _fire(self, pulse: Pulse, rank: Rank, metric: str, seen: MetricPulse, book: Book) -> Iterator[Verdict]:
        first = seen.first_nonfinite or {"step": pulse.step or 0, "ts": pulse.sent, "value": seen.last, "before": []}
        step, ts, value, before = first["step"], first["ts"], first["value"], first["before"]
        own = book.own(pulse.run, self.name, pulse.rank, metric)
        if pulse.attempt < rank.attempt or (own is not None and pulse.attempt < (own.attempt or 0)):
            return
        if joined(book.of(pulse.run, self.name, metric), rank, ts):
            return
        text = f"{rank.who}: {metric} is {word(value)} at step {step}."
        if before:
            last = before[-_TOLD_MAX:]
            text += " Before: " + ", ".join(f"{at}: {number:.6g}" for at, number in last) + " (step: value)."
        yield Fire(
            rule=self.name,
            run=pulse.run,
            rank=pulse.rank,
            attempt=pulse.attempt,
            metric=metric,
            title=f"{rank.label}: {metric} is {word(value)} at step {step}",
            text=text + checkpoint(rank, ts),
            severity="critical",
            caused_at=ts,
            project=pulse.project,
            name=pulse.name,
            host=pulse.host,
            step=step,
            value=value,
            before=before,
        )


@lru_cache(maxsize=1 << 14)  # the same few names come with every pulse
def is_loss(metric: str) -> bool:
    """Return whether a metric is a loss by its name: the last part of its path says so."""
    return "loss" in metric.rpartition("/")[2].casefold()


def word(value: float) -> str:
    """Return how people write a non-finite value."""
    return "NaN" if math.isnan(value) else "infinite" if value > 0 else "minus infinite"
