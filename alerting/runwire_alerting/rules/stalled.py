"""A process that lives and makes no progress."""

from __future__ import annotations

from collections.abc import Iterator

from runwire_alerting.book import Book, Fire, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, checkpoint, ended, news
from runwire_alerting.settings import Settings

#: Of phases for which the run promises nothing: twenty minutes to set up and fifteen for a checkpoint are what
#: launchers of large trainings allow (NeMo, DLRover); the others are ours.
_LIMITS = {"setup": 1200.0, "checkpoint": 900.0, "eval": 1800.0, "shutdown": 600.0}


class Stalled(Rule):
    """Fires when the last step is too long ago, by the host's own clock; a further step, or the end, resolves it.

    A run that says what it does (``run.phase``) is held to what it promises for that, and begin and end of a phase
    count as progress. A run whose pulses stop is not called stalled, nor is a stalled one called well: that is
    `HostLost`'s to tell.
    """

    name = "stalled"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge a rank's progress."""
        alert = book.own(rank.run, self.name, rank.rank)
        if alert is not None and alert.state == "firing":
            yield from ended(alert, rank, well=news(alert, rank, rank.moved), words=f"it goes on, at step {rank.step}.")
            return
        pause = (rank.sent - max(rank.moved, rank.watched)) / SECOND
        promised = _promised(rank)
        limit = self._settings.stalled_limit(rank.step_seconds_max) if promised is None else promised
        if pause <= limit or rank.ended is not None or rank.sent == 0:
            return
        if promised is None and rank.steps < self._settings.stalled_steps:
            return
        if not news(alert, rank, rank.moved) or _crashed_first(rank, book):
            return
        yield Fire(
            rule=self.name,
            run=rank.run,
            rank=rank.rank,
            attempt=rank.attempt,
            title=_title(rank, promised),
            text=_text(rank, pause, limit, promised) + checkpoint(rank, rank.sent),
            severity="critical",
            caused_at=rank.moved,
            project=rank.project,
            name=rank.name,
            host=rank.host,
            step=rank.step,
        )


def _promised(rank: Rank) -> float | None:
    """Return for how many seconds the phase that a rank is in may be silent; None if it is in none that says so."""
    if rank.phase is None:
        return None
    return _LIMITS.get(rank.phase) if rank.phase_limit is None else rank.phase_limit


def _title(rank: Rank, promised: float | None) -> str:
    if promised is None:
        return f"{rank.label} makes no progress since step {rank.step}"
    return f"{rank.label} does not come out of its phase {rank.phase}"


def _text(rank: Rank, pause: float, limit: float, promised: float | None) -> str:
    if promised is not None:
        at = "" if rank.step is None else f" after step {rank.step}"
        silence = f"{pause:.0f} s of silence in its phase {rank.phase}{at}"
        return f"{rank.who}: alive, but {silence} (allowed are {limit:.0f} s)."
    longest = rank.step_seconds_max
    pace = "" if longest is None else f", its longest recent step took {longest:.3g} s"
    return f"{rank.who}: alive, but no step for {pause:.0f} s after step {rank.step} (allowed are {limit:.0f} s{pace})."


def _crashed_first(rank: Rank, book: Book) -> bool:
    """Return whether another rank's crash is what this one waits for: it happened no earlier than the last step."""
    steps = round(2 * (rank.step_seconds_max or 0) * SECOND)
    return any((alert.caused_at or 0) + steps >= rank.progressed for alert in book.firing(rank.run, "crash"))
