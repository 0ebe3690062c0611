"""A host of which nothing is heard any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, Settable, checkpoint, ended, news, numbers

#: So many pulses must be missing, however short the time that is set.
_PULSES_MISSING = 3


class HostLost(Rule):
    """Detects that living processes are not heard any more: their host is lost, or cannot reach Kafka.

    Formula: a rank is silent when no pulse of it has arrived for more than max(``after``, 3 x its interval). The time
    counts by arrival, and only while the reader sees all that Kafka holds. Of a run's silent ranks the first is named,
    with the others and their hosts. Is another host heard, within half of that time, the silent host is lost. Is none,
    it is not to be told from here whether they are gone or their way to Kafka is: then the run is "unreachable". A
    later pulse resolves the alert, and so does the word that the process has ended.

    Source: the time is ours; torchft gives up after 5 s, NVRx's in-process restart after 60 s (soft) or 90 s (hard).

    False alarms: a link that is down for longer than ``after``, which resolves itself; our own absence or lag is none,
    since out of sight nothing is judged. A host that sleeps, as a laptop does.

    Example::

        rules:
          - name: host_lost
            params: {after: 2m}
    """

    name = "host_lost"
    hostwide = True

    class Params(Settable):
        """What can be set."""

        after: Seconds = Field(default=60.0, gt=0, description="without a pulse for so many seconds a host is lost")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:
        """Judge the silence of a run's ranks."""
        firing = book.firing(ranks[0].run, self.name)
        if firing:
            for alert in firing:
                for rank in ranks:
                    if rank.rank == alert.rank:
                        yield from ended(alert, rank, well=news(alert, rank, rank.heard), words="it is heard again.")
            return
        silent = [
            rank
            for rank in ranks
            if (now - max(rank.arrived, seen)) / SECOND > self._limit(rank) and rank.ended is None
        ]
        if not silent:
            return
        first = min(silent, key=lambda rank: rank.rank)
        if news(book.own(first.run, self.name, first.rank), first, first.heard):
            yield self._fire(first, ranks, now, seen)

    def _fire(self, first: Rank, ranks: Sequence[Rank], now: int, seen: int) -> Verdict:
        # Those who fell silent together cross the limit one after the other.
        half = self._limit(first) / 2
        silent = [rank for rank in ranks if rank.ended is None and (now - max(rank.arrived, seen)) / SECOND > half]
        hosts = sorted({rank.host for rank in silent})
        heard = {host for host, at in first.hosts.items() if (now - at) / SECOND <= half}
        if first.host in heard:
            title, why = "is not heard of any more", "though its host is: its spool is not delivered"
        elif heard:
            title, why = f"has lost its host {first.host}", "while other hosts are heard: its host is lost"
        else:
            title, why = "is unreachable", "and no other host is heard: they are lost, or cannot reach Kafka"
        seconds = (now - max(first.arrived, seen)) / SECOND
        where = f" Silent with it: {numbers(silent)} on {', '.join(hosts)}." if len(silent) > 1 else ""
        step = "" if first.step is None else f" Its last known step is {first.step}."
        return self.fire(
            first,
            title=f"{first.label} {title}",
            text=f"{first.who}: no sign of life for {seconds:.0f} s, {why}.{where}{step}"
            + checkpoint(first, first.heard),
            severity="critical",
            caused_at=first.heard,
        )

    def _limit(self, rank: Rank) -> float:
        return max(self._params.after, _PULSES_MISSING * rank.interval)
