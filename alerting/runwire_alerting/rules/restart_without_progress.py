"""A run that crashes again and again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import Field

from runwire.wire import Alert
from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.course import Death
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, Settable


class RestartWithoutProgress(Rule):
    """Detects a crash loop that costs GPU hours and leads nowhere: attempts crash and none comes further.

    Formula: the last ``attempts`` attempts of a run crashed, and since the first of them no newer checkpoint was saved
    or, in a run that never says that it saves one, no further step was made. Whether each was restarted by a launcher,
    a scheduler or a person is all one. A newer checkpoint, or a further step, resolves it.

    Source: nvrx-watch notes that nothing else reports such loops; the three attempts are ours.

    False alarms: in a run that says when it saves, checkpoints that are further apart than crashes; but its work is
    lost. A run that goes on from an earlier step on purpose, after crashes.

    Example::

        rules:
          - name: restart_without_progress
            params: {attempts: 5}
            actions: [stop]
    """

    name = "restart_without_progress"

    class Params(Settable):
        """What can be set."""

        attempts: int = Field(default=3, ge=2, le=20, description="so many attempts crashed at the same point")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge the way of a run."""
        course = ranks[0].course
        for alert in book.firing(ranks[0].run, self.name):
            reached = course.step if alert.value is None else course.checkpoint
            before = alert.step if alert.value is None else round(alert.value)
            if reached is not None and (before is None or reached > before):
                attempt = max(rank.attempt for rank in ranks)
                yield Resolve(alert, attempt, f"it came further, to step {reached}.")
        if len(course.deaths) < self._params.attempts:
            return
        vain = course.in_vain()
        last = course.deaths[-1]
        if len(vain) < self._params.attempts or _told(book.of(ranks[0].run, self.name), last):
            return
        first = min(ranks, key=lambda rank: (rank.rank != last.rank, rank.rank))
        if last.checkpoint is not None:
            where = f"a newer checkpoint than that of step {last.checkpoint}"
        else:
            where = "a step" if last.step is None else f"a further step than {last.step}"
        yield self.fire(
            first,
            title=f"{first.label} crashed {len(vain)} times without getting further",
            text=f"{first.who}: {len(vain)} attempts crashed in {(last.at - vain[0].at) / SECOND / 60:.0f} min, none "
            f"after {where}.",
            severity="critical",
            step=last.step,
            value=None if last.checkpoint is None else float(last.checkpoint),
            caused_at=last.at,
        )


class RestartStorm(Rule):
    """Detects that attempts of a run crash in quick succession, whether they come further or not.

    Formula: ``attempts`` attempts crashed within ``within``. An attempt that lives for as long resolves it.

    Source: five in half an hour, as nvrx-watch' examples have it.

    False alarms: runs that share an id on purpose, as parts of a sweep: give each its own.

    Example::

        rules:
          - name: restart_storm
            params: {attempts: 10, within: 1h}
    """

    name = "restart_storm"
    follows = frozenset({"restart_without_progress"})

    class Params(Settable):
        """What can be set."""

        attempts: int = Field(default=5, ge=2, le=20, description="so many attempts crashed")
        within: Seconds = Field(default=1800.0, gt=0, description="... within so many seconds")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge the way of a run."""
        deaths, within = ranks[0].course.deaths, self._params.within * SECOND
        for alert in book.firing(ranks[0].run, self.name):
            # By when it was heard: of a run that is silent nobody knows that it lives.
            lived = max((rank.arrived for rank in ranks if rank.ended is None), default=0)
            if lived - max(seen, alert.fired_at, deaths[-1].at if deaths else 0) > within:
                yield Resolve(alert, max(rank.attempt for rank in ranks), "an attempt has lived for long enough.")
        if len(deaths) < self._params.attempts or deaths[-1].at - deaths[-self._params.attempts].at > within:
            return
        last = deaths[-1]
        if _told(book.of(ranks[0].run, self.name), last):
            return
        first = min(ranks, key=lambda rank: (rank.rank != last.rank, rank.rank))
        yield self.fire(
            first,
            title=f"{first.label} crashed {self._params.attempts} times within {self._params.within / 60:.0f} min",
            text=f"{first.who}: its attempts crash in quick succession, the last on {last.host or 'unknown host'}.",
            severity="warning",
            caused_at=last.at,
        )


def last_run(ranks: Sequence[Rank]) -> str:
    """Return the run whose ranks these are."""
    return ranks[0].run


def _told(alerts: Iterable[Alert], last: Death) -> bool:
    """Return whether an alert was told, or was over, after the last death: then that is no news."""
    return any(max(alert.fired_at, alert.resolved_at or 0) >= last.at for alert in alerts)
