"""What the training code itself says with ``run.alert``."""

from __future__ import annotations

from collections.abc import Iterator

from runwire.wire import ATTEMPT_SHIFT, Event
from runwire.wire.messages import Severity
from runwire_alerting.book import Book, Fire, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import Rule

_SEVERITIES: dict[str, Severity] = {
    "debug": "info",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "critical",
    "critical": "critical",
}


class User(Rule):
    """Passes on what the training code itself says by ``run.alert(title, text, level)``.

    Formula: one alert for each call. It is a message and no state: nothing resolves it. ``INFO`` is told as info,
    ``WARN`` as a warning, ``ERROR`` as critical.

    Source: wandb's ``run.alert``, which trainings call already.

    False alarms: those of the program; one that says the same at each step is an alert at each step.

    Example::

        rules:
          - name: user
            where: {project: scratch}
            mode: observe
    """

    name = "user"
    message = True

    def event(self, event: Event, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        """Pass on an alert event; one that is read again is the same alert."""
        if event.type != "alert" or "xid" in event.data:  # a GPU's fault is `GpuXid`'s
            return
        yield Fire(
            rule=self.name,
            run=event.run,
            rank=event.rank,
            attempt=event.seq >> ATTEMPT_SHIFT,
            which=event.seq,
            title=str(event.data.get("title") or "Alert"),
            text=str(event.data.get("text") or ""),
            severity=_SEVERITIES.get(str(event.data.get("level") or "warning").casefold(), "warning"),
            caused_at=event.ts,
            project=rank.project,
            name=rank.name,
            host=rank.host,
            step=rank.step,
        )
