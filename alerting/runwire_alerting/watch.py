"""What a worker knows and concludes: records and ticks go in, changed alerts come out. Pure, and without a clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runwire.wire import Alert, Event, Pulse
from runwire_alerting.book import Book, Verdict
from runwire_alerting.health import Health, Rank
from runwire_alerting.rules import Rule
from runwire_alerting.rules.nonfinite import is_loss

Records = Sequence[tuple[Pulse | Event, int]]


class Watch:
    """The health of runs, the book of their alerts, and the rules that lead from one to the other."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.health = Health()
        self.book = Book()
        self._rules = rules
        # A rule is asked only about what it judges, for a thousand runs are a thousand pulses and ranks a second.
        self._on_pulse = [rule.pulse for rule in rules if type(rule).pulse is not Rule.pulse]
        self._on_event = [rule.event for rule in rules if type(rule).event is not Rule.event]
        self._on_tick = [rule.tick for rule in rules if type(rule).tick is not Rule.tick]
        self._on_run = [rule.run for rule in rules if type(rule).run is not Rule.run]

    def read(self, records: Records, now: int) -> list[Alert]:
        """Take in records with their partitions, in order. Return the alerts that changed, in order."""
        changed: list[Alert] = []
        for record, partition in offenders_first(records):
            for verdict in self._judge(record, partition, now):
                self._apply(verdict, now, changed)
        return changed

    def tick(self, now: int, seen: dict[int, int]) -> list[Alert]:
        """Judge all runs of the partitions in ``seen`` (partition: since when it is in sight) by the clock."""
        changed: list[Alert] = []
        self.health.forget(now)
        for ranks in self.health.runs():
            since = seen.get(ranks[0].partition)  # a run's records lie in one partition
            if since is not None:
                for verdict in self._judge_by_the_clock(ranks, now, since):
                    self._apply(verdict, now, changed)
        return changed

    def firing(self) -> dict[str, int]:
        """Return how many alerts of each rule are firing."""
        return {rule.name: self.book.counts[rule.name] for rule in self._rules}

    def company(self, record: Pulse | Event) -> bool:
        """Return whether a record tells of a NaN loss that other ranks of the run may be about to tell of, too."""
        return (
            self.health.ranks(record.run) > 1
            and _offence(record) is not None
            and not self.book.firing(record.run, "nonfinite")
        )

    def _judge(self, record: Pulse | Event, partition: int, now: int) -> Iterator[Verdict]:
        if isinstance(record, Pulse):
            rank = self.health.pulse(record, partition, now)
            for judge_pulse in self._on_pulse:
                yield from judge_pulse(record, rank, self.book)
        else:
            rank = self.health.event(record, partition, now)
            for judge_event in self._on_event:
                yield from judge_event(record, rank, self.book)

    def _judge_by_the_clock(self, ranks: Sequence[Rank], now: int, seen: int) -> Iterator[Verdict]:
        for judge_run in self._on_run:
            yield from judge_run(ranks, self.book, now, seen)
        for rank in ranks:
            for judge in self._on_tick:
                yield from judge(rank, self.book, now, seen)

    def _apply(self, verdict: Verdict, now: int, changed: list[Alert]) -> None:
        alert = self.book.apply(verdict, now)
        if alert is not None:
            changed.append(alert)


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
