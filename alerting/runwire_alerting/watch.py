"""What a worker knows and concludes: records and ticks go in, changed alerts come out. Pure, and without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import structlog

from runwire.wire import Alert, Event, Pulse
from runwire_alerting import memory
from runwire_alerting.book import Book, Fire, Verdict
from runwire_alerting.facts import SELECTED
from runwire_alerting.health import Health, Rank
from runwire_alerting.machine import sampled
from runwire_alerting.metrics import RULE_FAULTS
from runwire_alerting.rules import Armed, Rule
from runwire_alerting.rules.detecting import Detecting, chosen
from runwire_alerting.rules.nonfinite import is_loss
from runwire_alerting.rules.sampling import Sampling

#: The events by which a run answers a request to stop.
ANSWERS = frozenset({"stopping", "finish", "exception", "lost"})
Records = Sequence[tuple[Pulse | Event, int]]

_log = structlog.get_logger(__name__)


class _Panel:
    """The rules that judge a rank. A rule is asked only about what it judges, for a thousand runs are a thousand pulses
    and ranks a second: those of samples when there is one, or an end; those of metrics where they judge one.
    """

    def __init__(self, armed: Iterable[Armed]) -> None:
        rules = [one.rule for one in armed]
        self.detecting = [rule for rule in rules if isinstance(rule, Detecting)]
        others = [rule for rule in rules if type(rule).pulse is not Rule.pulse and not isinstance(rule, Detecting)]
        self.on_pulse = [rule for rule in others if not isinstance(rule, Sampling)]
        self.on_sample = others
        self.on_event = [rule for rule in rules if type(rule).event is not Rule.event]
        self.on_tick = [rule for rule in rules if type(rule).tick is not Rule.tick]
        self.on_run = [rule for rule in rules if type(rule).run is not Rule.run]
        self.on_run_set = frozenset(self.on_run)


class Watch:
    """The health of runs, the book of their alerts, and the rules that lead from one to the other.

    Args:
        armed: the rules, in the order in which they judge.
    """

    def __init__(self, armed: Sequence[Armed]) -> None:
        self.health = Health()
        self.book = Book()
        #: The ranks of which the last tick thought that nothing more will come.
        self.gone: list[Rank] = []
        #: The ids of the alerts that the last tick forgot.
        self.forgotten: list[str] = []
        #: Whether the next tick ends the alerts of rules that are not on any more, or do not judge their run any more.
        self.retiring = False
        self._faulty: set[str] = set()
        self.arm(armed)
        self.retiring = False

    def arm(self, armed: Sequence[Armed]) -> None:
        """Go by other rules from here on; what is known of runs and alerts stays."""
        self._armed = armed
        self.retiring = True
        #: By the rules' names.
        self.policies = {one.name: one.policy for one in armed}
        self.book.arm(self.policies)
        self._all = _Panel(armed)
        self._choosy = any(one.declaration.where.chooses for one in armed)
        #: By run and rank: project and name as they were when these rules were chosen.
        self._panels: dict[tuple[str, int], tuple[tuple[str, str], _Panel]] = {}

    def read(self, records: Records, now: int) -> list[Alert]:
        """Take in records with their partitions, in order. Return the alerts that changed, in order."""
        changed: list[Alert] = []
        for record, partition in offenders_first(records):
            if isinstance(record, Pulse):
                rank = self.health.pulse(record, partition, now)
                panel = self._panel(rank)
                whole = not record.alive or sampled(record.metrics)
                for rule in chain(panel.on_sample if whole else panel.on_pulse, chosen(panel.detecting, record, rank)):
                    self._apply(rule.pulse, (record, rank, self.book), now, changed)
            else:
                rank = self.health.event(record, partition, now)
                if record.type in SELECTED:
                    self._forget_panels(record.run)
                if record.type == "metric":  # one may turn out to be a loss, for all ranks
                    for peer in rank.peers.values():
                        peer.choice = None
                if record.type in ANSWERS:
                    changed += self.book.answered(record)
                for rule in self._panel(rank).on_event:
                    self._apply(rule.event, (record, rank, self.book), now, changed)
        return [self.book.settle(alert) for alert in changed]

    def tick(self, now: int, seen: dict[int, int]) -> list[Alert]:
        """Judge all runs of the partitions in ``seen`` (partition: since when it is in sight) by the clock."""
        changed = self._retire(now) if self.retiring else []
        self.gone = self.health.forget(now, seen)
        for rank in self.gone:
            self._panels.pop((rank.run, rank.rank), None)
        for ranks in self.health.runs():
            since = seen.get(ranks[0].partition)  # a run's records lie in one partition
            if since is not None:
                self._judge_by_the_clock(ranks, now, since, changed)
        told = [self.book.settle(alert) for alert in changed] + self.book.tick(now)
        closed, self.forgotten = self.book.expire(now, lambda run: self.health.ranks(run) > 0)
        return told + closed

    def restore(self, value: bytes, partition: int, now: int) -> None:
        """Take in what another worker kept of a rank of a partition.

        Raises:
            WireError: it is no such record.
        """
        memory.restore(value, partition, self.health, self._armed, now)

    def firing(self) -> dict[str, int]:
        """Return how many alerts of each rule are firing."""
        return {one.name: self.book.counts[one.name] for one in self._armed}

    def company(self, record: Pulse | Event) -> bool:
        """Return whether a record tells of a NaN loss that other ranks of the run may be about to tell of, too."""
        return (
            self.health.ranks(record.run) > 1
            and _offence(record) is not None
            and not self.book.firing(record.run, "nonfinite")
        )

    def _panel(self, rank: Rank) -> _Panel:
        if not self._choosy:
            return self._all
        called = (rank.project, rank.name)
        known = self._panels.get((rank.run, rank.rank))
        if known is None or known[0] != called:
            known = called, _Panel(one for one in self._armed if one.fits(rank))
            self._panels[rank.run, rank.rank] = known
        return known[1]

    def _retire(self, now: int) -> list[Alert]:
        self.retiring = False
        armed = {one.name: one for one in self._armed}
        changed = []
        for alert in [alert for alert in self.book if alert.state != "resolved"]:
            one, rank = armed.get(alert.rule), self.health.get(alert.run, alert.rank or 0)
            if one is None or (rank is not None and rank.sent and not one.fits(rank)):
                changed.append(self.book.end(alert, "its rule does not judge this run any more.", now))
        return changed

    def _judge_by_the_clock(self, ranks: Sequence[Rank], now: int, seen: int, changed: list[Alert]) -> None:
        panels = [self._panel(rank) for rank in ranks] if self._choosy else []
        for rule in self._all.on_run:
            judged = ranks
            if self._choosy:
                judged = [rank for rank, panel in zip(ranks, panels, strict=True) if rule in panel.on_run_set]
            if judged:
                self._apply(rule.run, (judged, self.book, now, seen), now, changed)
        for rank in ranks:
            for rule in self._panel(rank).on_tick:
                self._apply(rule.tick, (rank, self.book, now, seen), now, changed)

    def _forget_panels(self, run: str) -> None:
        for place in [place for place in self._panels if place[0] == run]:
            del self._panels[place]

    def _told(self, verdict: Verdict) -> Verdict:
        """Add to what fires the run's tags, and what its rank printed last if that has ended badly."""
        rank = self.health.get(verdict.run, verdict.rank) if isinstance(verdict, Fire) else None
        if rank is None or not isinstance(verdict, Fire):
            return verdict
        return replace(verdict, tags=sorted(rank.facts.tags), console=rank.console)

    def _apply(
        self, judge: Callable[..., Iterator[Verdict]], what: tuple[Any, ...], now: int, changed: list[Alert]
    ) -> None:
        verdicts: Iterator[Verdict] | None = None
        while True:
            try:
                verdicts = judge(*what) if verdicts is None else verdicts
                verdict = next(verdicts, None)
            except Exception:  # noqa: BLE001 -- a rule's fault is no other rule's, nor a reason to see nothing any more
                self._fault(judge)
                return
            if verdict is None:
                return
            alert = self.book.apply(self._told(verdict), now)
            if alert is not None:
                changed.append(alert)

    def _fault(self, judge: Callable[..., Iterator[Verdict]]) -> None:
        name = getattr(getattr(judge, "__self__", None), "name", "unknown")
        RULE_FAULTS.labels(name).inc()
        if name not in self._faulty:  # it would be the same at each pulse
            self._faulty.add(name)
            _log.exception("a rule failed", rule=name)


def pressing_first(records: Records) -> tuple[Records, Records]:
    """Return records of runs of which something is told that an alert may answer to at once, and all others.

    That is an event, a NaN loss, or an end: what comes with a burst of a thousand runs' pulses need not wait for them.
    Of each run the order stays.
    """
    runs = {record.run for record, _ in records if isinstance(record, Event) or not record.alive or _offence(record)}
    pressing = [one for one in records if one[0].run in runs]
    return pressing, [one for one in records if one[0].run not in runs] if pressing else records


def offenders_first(records: Records) -> Records:
    """Return records so ordered that of a run's ranks that tell of a NaN loss the first offender speaks first.

    That is the one with the smallest (step, rank). Ranks tell within milliseconds of one another, in any order; the
    first whose word is judged is named in the alert, and the others join it. Of its own words an offender's passes
    none but pulses of the same attempt, which then are known to be older.
    """
    offences = [_offence(record) for record, _ in records]
    if not any(offences):
        return records
    order = list(range(len(records)))
    judged: set[str] = set()
    for index, (record, _) in enumerate(records):
        offence = offences[index]
        if offence is None or record.run in judged:
            continue
        judged.add(record.run)
        best = index
        attempts: dict[int, int | None] = {record.rank: None}  # None: what this rank says stays where it is
        for later in range(index + 1, len(records)):
            other = records[later][0]
            if other.run != record.run:
                continue
            attempt = other.attempt if isinstance(other, Pulse) else None
            if attempts.setdefault(other.rank, attempt) != attempt:
                attempts[other.rank] = attempt = None
            words = offences[later]
            if attempt is not None and words is not None and words < offence:
                best, offence = later, words
        if best != index:
            order.remove(best)
            order.insert(order.index(index), best)
    return [records[index] for index in order]


def _offence(record: Pulse | Event) -> tuple[int, int] | None:
    """Return (step, rank) of a record that tells of a NaN loss."""
    if not isinstance(record, Pulse):
        return None
    firsts = [seen.first_nonfinite for metric, seen in record.metrics.items() if seen.nonfinite and is_loss(metric)]
    if not firsts:
        return None
    return min(first["step"] if first else record.step or 0 for first in firsts), record.rank
