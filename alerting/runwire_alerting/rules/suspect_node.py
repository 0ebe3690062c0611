"""A host on which a run crashes again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.course import Death
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, Settable

_HEALED = 3600 * SECOND


class SuspectNode(Rule):
    """Detects a host that is where a run on several hosts crashes first, again and again: a bad machine, mostly.

    Formula: of the run's last ``deaths`` crashes the first rank to die was on one host, at least two different ranks of
    it, while the run has, or had, ranks elsewhere. It is over when the run has no rank on that host any more, or has
    lived there for an hour since the last crash.

    Source: nvrx-watch; Meta's lemon nodes ("Revisiting Reliability", 2024), of which the weight of users' own crashes
    is known to be small: hence the two ranks.

    False alarms: code that only the ranks of one host run.

    Example::

        rules:
          - name: suspect_node
            params: {deaths: 5}
    """

    name = "suspect_node"

    class Params(Settable):
        """What can be set."""

        deaths: int = Field(default=3, ge=2, le=20, description="so many crashes in a row began on one host")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge where a run's crashes began."""
        deaths = ranks[0].course.deaths[-self._params.deaths :]
        for alert in book.firing(ranks[0].run, self.name):
            left = all(rank.host != alert.host for rank in ranks)
            # By when it was heard: where nothing lives nothing crashes.
            lived = max((rank.arrived for rank in ranks if rank.host == alert.host and rank.ended is None), default=0)
            if left or lived - max(seen, alert.fired_at, deaths[-1].at if deaths else 0) > _HEALED:
                why = "the run has left it." if left else "nothing crashed there for an hour."
                yield Resolve(alert, max(rank.attempt for rank in ranks), why)
        if len(deaths) < self._params.deaths or not self._suspect(deaths, ranks):
            return
        host, last = deaths[-1].host, deaths[-1].at
        here = [rank for rank in ranks if rank.host == host]
        told = [max(alert.fired_at, alert.resolved_at or 0) for alert in book.of(ranks[0].run, self.name)]
        if here and all(at < last for at in told):
            yield self.fire(
                min(here, key=lambda rank: rank.rank),
                title=f"{here[0].label} crashes on {host} again and again",
                text=f"{here[0].who}: the last {len(deaths)} crashes of the run began on {host}. What to do: run the "
                "diagnosis of its GPUs, or leave it out.",
                severity="warning",
                caused_at=last,
            )

    @staticmethod
    def _suspect(deaths: Sequence[Death], ranks: Sequence[Rank]) -> bool:
        victims: dict[str, set[int]] = defaultdict(set)
        for death in deaths:
            victims[death.host].add(death.rank)
        host = deaths[-1].host
        return len(victims) == 1 and len(victims[host]) > 1 and any(rank.host != host for rank in ranks)
