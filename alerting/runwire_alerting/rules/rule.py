"""What a rule is: it looks at a record, or at the clock, and says what is wrong and what is over.

A rule holds no state and reads no clock. What it knows is passed in: a rank's health, the book of alerts, and the time
as microseconds since the epoch. A rule sees records again after a restart, up to some minutes of them, so it must tell
by the alert's ``attempt`` and ``caused_at`` what it has spoken of before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeGuard

from pydantic import BaseModel, ConfigDict

from runwire.wire import Alert, Event, Pulse
from runwire_alerting.book import Book, Fire, Resolve, Verdict
from runwire_alerting.health import Rank

SECOND = 1_000_000
_SPANS_MAX = 20
_LATE = 600 * SECOND
#: Ranks of a job that ended within this time ended together.
_TOGETHER = 60 * SECOND
#: What is wrong with one rank and makes the others wait for it.
_STANDS_STILL = ("ranks_disagree", "phase_overrun")
_WENT = ("crash", "restarting", "host_lost")


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
    #: Whether there is a rule of it without a declaration.
    standard: ClassVar[bool] = True
    #: Whether, unless declared otherwise, its alerts are recorded and nobody is told: they are nobody's to act upon.
    observed: ClassVar[bool] = False
    #: Kinds whose alert explains one of this kind that follows it in the same run: there is no page of its own then.
    follows: ClassVar[frozenset[str]] = frozenset()
    #: Whether its alerts are messages, which nothing resolves, and no states of a run.
    message: ClassVar[bool] = False
    #: Whether its alerts are about a host: those of all runs there are one incident.
    hostwide: ClassVar[bool] = False
    #: Whether a declaration must say which metrics it judges.
    picky: ClassVar[bool] = False
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

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge a run by all of its ranks that are known, in no order and at least one; called as `tick` is."""
        yield from ()

    def fire(self, rank: Rank, /, **said: Any) -> Fire:
        """Return the verdict that something is wrong with a rank; ``said`` are the fields of `Fire` that say what."""
        about: dict[str, Any] = {
            "rule": self.name,
            "rank": rank.rank,
            "attempt": rank.attempt,
            "project": rank.project,
            "name": rank.name,
            "host": rank.host,
            "step": rank.step,
        }
        return Fire(run=rank.run, **(about | said))


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


def numbers(ranks: Iterable[Rank]) -> str:
    """Return the ranks' numbers in words, as "rank 3" or "ranks 0-7, 12"."""
    spans: list[list[int]] = []
    for number in sorted(rank.rank for rank in ranks):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    words = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans[:_SPANS_MAX])
    more = ", …" if len(spans) > _SPANS_MAX else ""
    return f"{'rank' if len(spans) == 1 and spans[0][0] == spans[0][1] else 'ranks'} {words}{more}"


def checkpoint(rank: Rank, ts: int) -> str:
    """Return the words that say where a run could go on from, as of ``ts`` by the clock of a rank's host, and what
    would be lost; nothing if no rank ever said.
    """
    saved = [peer for peer in rank.peers.values() if peer.checkpoint_step is not None and peer.checkpoint_at]
    if not saved:
        return ""
    last = max(saved, key=lambda peer: peer.checkpoint_step or 0)
    # Each host's time by its own clock; what lies between two of them by ours.
    age = last.sent - (last.checkpoint_at or 0) + rank.arrived - last.arrived + (ts - rank.sent if rank.sent else 0)
    seconds = max(age, 0) / SECOND
    gpus = gpus_in_use(rank)
    risk = f": {at_risk(gpus, 'GPU', seconds)}" if gpus else ""
    return f" Its last checkpoint is of step {last.checkpoint_step}, saved {seconds / 60:.0f} min before{risk}."


def at_risk(count: int, what: str, seconds: float) -> str:
    """Return the words that say what so many GPUs, or processes, did in that time."""
    hours, many = count * seconds / 3600, "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{hours:.{1 if hours >= 1 else 2}f} {what} hours ({count} {what}{many} for {seconds / 60:.0f} min)"


def gpus_in_use(rank: Rank) -> int | None:
    """Return how many GPUs the ranks have that live, or ended with this one; None if one of them does not say."""
    found: set[tuple[str, str]] = set()
    for peer in company(rank):
        if peer.machine is None:
            return None
        found.update((peer.host, gpu) for gpu in peer.machine.gpus)
    return len(found)


def company(rank: Rank) -> list[Rank]:
    """Return the ranks of a run that live, or ended with this one."""
    return [peer for peer in rank.peers.values() if peer.ended is None or peer.arrived >= rank.arrived - _TOGETHER]


def explained(rank: Rank, book: Book) -> bool:
    """Return whether a rank waits for another one: one that stands still, or one that went no earlier than its last
    step.

    By our clock alone, for theirs differ; so the last step is known to a second.
    """
    if book.troubles(rank.run, *_STANDS_STILL):
        return True
    went_on = rank.arrived - (rank.sent - rank.progressed)
    grace = round(2 * (rank.step_seconds_max or 0) * SECOND) + SECOND
    return any(alert.fired_at + grace >= went_on for alert in book.troubles(rank.run, *_WENT))


def joined(alerts: Iterable[Alert], rank: Rank, ts: int) -> bool:
    """Return whether what happened to ``rank`` at ``ts`` belongs to another rank's alert that is over.

    Whoever resolved that alert began (``attempt`` is a Unix second) after what it was about. Since hosts' clocks differ
    that is looked at only while late words may come: some minutes, by our clock.
    """
    return any(
        alert.rank != rank.rank
        and ts < (alert.attempt or 0) * SECOND
        and rank.arrived < (alert.resolved_at or 0) + _LATE
        for alert in alerts
    )
