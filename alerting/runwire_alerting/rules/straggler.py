"""A rank that holds back all others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from pydantic import Field

from runwire_alerting.book import Book, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.pace import SPANS
from runwire_alerting.rules.rule import Rule, Settable, ended

#: It is over when the rank is within this share of what fires.
_MARGIN = 0.05
#: Of fewer ranks none is the odd one out.
_PEERS_MIN = 3


class Straggler(Rule):
    """Detects a rank that needs longer than its peers for what each does by itself, so that all wait for it.

    Formula: of ranks of the same pipeline stage, median of the means of ``perf/local_seconds`` / the rank's own mean is
    below ``ratio``, in each of three spans of 5 min in a row. Steps themselves take equally long on all ranks and tell
    nothing. It is over when the ratio of the last span is 0.05 above, or the rank ends.

    Source: NVRx' straggler detection (0.75, each 300 s), which compares with the fastest peer; the median is ours, for
    one rank with little to do would make stragglers of all others.

    False alarms: stages of unequal work without ``RUNWIRE_PIPELINE_RANK``; a first rank that logs and saves in its
    step. Only where `runwire.integrations` or a `StepTimer` with ``local()`` tells of it.

    Example::

        rules:
          - name: straggler
            params: {ratio: 0.6}
    """

    name = "straggler"

    class Params(Settable):
        """What can be set."""

        ratio: float = Field(default=0.75, gt=0, lt=1, description="peers need less than this share of its time")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Compare the ranks of each stage."""
        if len(ranks) < _PEERS_MIN:
            return
        stages: dict[int | None, list[tuple[Rank, list[float]]]] = defaultdict(list)
        for rank in ranks:
            if rank.pace is not None and rank.ended is None and len(rank.pace.means) == SPANS:
                stages[rank.stage].append((rank, rank.pace.means))
        firing = book.firing(ranks[0].run, self.name)
        for alert in firing:
            for rank in ranks:
                if rank.rank == alert.rank:
                    ratios = self._ratios(rank, stages[rank.stage])
                    well = bool(ratios) and ratios[-1] > self._params.ratio + _MARGIN
                    yield from ended(alert, rank, well=well, words="it keeps pace with its peers again.")
        if firing:
            return
        slow = [
            (max(ratios), rank)
            for peers in stages.values()
            for rank, _ in peers
            if (ratios := self._ratios(rank, peers)) and max(ratios) < self._params.ratio
        ]
        if slow:
            ratio, worst = min(slow, key=lambda item: (item[0], item[1].rank))
            yield self._fire(worst, ratio, len(slow))

    def _fire(self, worst: Rank, ratio: float, slow: int) -> Verdict:
        own = worst.pace.means[-1] if worst.pace is not None else 0.0
        more = f" {slow - 1} other ranks are as slow." if slow > 1 else ""
        return self.fire(
            worst,
            title=f"{worst.label}: rank {worst.rank} on {worst.host} holds the others back",
            text=f"{worst.who}: it needs {own:.3g} s of a step for itself, its peers {100 * ratio:.0f} % of that, "
            f"for 15 min.{more}",
            severity="warning",
            value=own,
            caused_at=worst.sent,
        )

    @staticmethod
    def _ratios(rank: Rank, peers: Sequence[tuple[Rank, list[float]]]) -> list[float]:
        """Return by span what share of the rank's time its peers need; nothing if they are too few."""
        means = next((means for peer, means in peers if peer is rank), None)
        if means is None or len(peers) < _PEERS_MIN:
            return []
        return [median(peer[span] for _, peer in peers) / own if own > 0 else 1.0 for span, own in enumerate(means)]
