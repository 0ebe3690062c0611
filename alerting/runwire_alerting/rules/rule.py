"""What a rule is: it looks at a record, or at the clock, and says what is wrong and what is over.

A rule holds no state and reads no clock. What it knows is passed in: a rank's health, the book of alerts, and the time
as microseconds since the epoch. A rule sees records again after a restart, up to some minutes of them, so it must tell
by the alert's ``attempt`` and ``caused_at`` what it has spoken of before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeGuard

from pydantic import BaseModel, ConfigDict

from runwire.wire import Alert, Event, Pulse
from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.health import Rank

SECOND = 1_000_000


class Settable(BaseModel):
    """The base of what can be set of a kind of rule: a field each, with default, bounds and description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule:
    """The base of all kinds of rules; each method yields verdicts, and is called only if a rule has its own.

    They are called for every pulse and, each second, for every rank, so a rule first looks at what tells that all is
    well. It keeps no rank: what comes of the same attempt changes it in place. An alert that does not count yet, for
    its declaration says ``for``, is firing to it, and one that is kept firing is resolved: it judges what is so.
    """

    #: The kind's name, and a rule's in its alerts.
    name: ClassVar[str]
    #: What can be set of it.
    Params: ClassVar[type[BaseModel]] = Settable
    #: Kinds whose alert explains one of this kind that follows it in the same run: there is no page of its own then.
    follows: ClassVar[frozenset[str]] = frozenset()
    #: Whether its alerts are about a host: those of all runs there are one incident.
    hostwide: ClassVar[bool] = False
    #: Globs on the metrics that it judges; none: those that the kind is about.
    metrics: tuple[str, ...] = ()
    #: Another metric, that it judges them by.
    beside: str = ""

    def __init__(self, params: Any = None) -> None:
        """Take what was set, an object of the kind's `Params`."""

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge a pulse; ``rank`` is its rank's health, which may already be of a later attempt."""
        yield from ()

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge an event; ``rank`` is its rank's health, which may already be of a later attempt."""
        yield from ()

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge a rank by the clock.

        Called about once a second for each rank that is known, while its partition is in sight, that is while
        everything that Kafka holds of it has been read; ``seen`` is since when.
        """
        yield from ()


def outlived(alert: Alert | None, attempt: int) -> TypeGuard[Alert]:
    """Return whether an alert is firing that is about an attempt before this one."""
    return alert is not None and alert.state == "firing" and attempt > (alert.attempt or 0)


def news(alert: Alert | None, rank: Rank, ts: int) -> bool:
    """Return whether a rank's sign of life at ``ts`` is later than the one that its alert is about."""
    return alert is None or (rank.attempt, ts) > (alert.attempt or 0, alert.caused_at or 0)


def ended(alert: Alert, rank: Rank, *, well: bool, words: str) -> Iterator[Verdict]:
    """Resolve the alert of a rank's pause or silence if the rank has ended or, in ``words``, is ``well`` again."""
    if rank.ended is not None and rank.attempt >= (alert.attempt or 0):
        yield Resolve(alert, rank.attempt, f"the run ended ({rank.ended}).")
    elif well:
        yield Resolve(alert, rank.attempt, words)


def checkpoint(rank: Rank, ts: int) -> str:
    """Return the words that say where a run could go on from, as of ``ts``; nothing if it never said."""
    if rank.checkpoint_step is None or rank.checkpoint_at is None:
        return ""
    minutes = max(ts - rank.checkpoint_at, 0) / SECOND / 60
    return f" Its last checkpoint is of step {rank.checkpoint_step}, saved {minutes:.0f} min before."


def joined(alerts: Iterable[Alert], rank: int, ts: int) -> bool:
    """Return whether what happened to ``rank`` at ``ts`` belongs to another rank's alert that is over.

    Whoever resolved that alert began (``attempt`` is a Unix second) after what it was about.
    """
    return any(alert.rank != rank and ts < (alert.attempt or 0) * SECOND for alert in alerts)
