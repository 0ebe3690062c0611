"""A process that lives and makes no progress."""

from __future__ import annotations

from collections.abc import Iterator

from runwire_alerting.book import Book, Fire, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, ended, news
from runwire_alerting.settings import Settings


class Stalled(Rule):
    """Fires when the last step is too long ago, by the host's own clock; a further step, or the end, resolves it.

    A run whose pulses stop is not called stalled, nor is a stalled one called well: that is `Heartbeat`'s to tell.
    """

    name = "stalled"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge a rank's progress."""
        alert = book.own(rank.run, self.name, rank.rank)
        if alert is not None and alert.state == "firing":
            moved = news(alert, rank, rank.progressed)
            yield from ended(alert, rank, well=moved, words=f"it goes on, at step {rank.step}.")
            return
        pause = (rank.sent - max(rank.progressed, rank.watched)) / SECOND
        limit = self._settings.stalled_limit(rank.step_seconds_max)
        if pause <= limit or rank.ended is not None or rank.sent == 0 or rank.steps < self._settings.stalled_steps:
            return
        if not news(alert, rank, rank.progressed) or _crashed_first(rank, book):
            return
        longest = rank.step_seconds_max
        pace = "" if longest is None else f", its longest recent step took {longest:.3g} s"
        yield Fire(
            rule=self.name,
            run=rank.run,
            rank=rank.rank,
            attempt=rank.attempt,
            title=f"{rank.label} makes no progress since step {rank.step}",
            text=f"{rank.who}: alive, but no step for {pause:.0f} s after step {rank.step}"
            f" (allowed are {limit:.0f} s{pace}).",
            severity="critical",
            caused_at=rank.progressed,
            project=rank.project,
            name=rank.name,
            host=rank.host,
            step=rank.step,
        )


def _crashed_first(rank: Rank, book: Book) -> bool:
    """Return whether another rank's crash is what this one waits for: it happened no earlier than the last step."""
    steps = round(2 * (rank.step_seconds_max or 0) * SECOND)
    return any((alert.caused_at or 0) + steps >= rank.progressed for alert in book.firing(rank.run, "crash"))
