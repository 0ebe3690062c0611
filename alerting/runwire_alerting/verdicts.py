"""What rules say: that something is wrong, or is over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from runwire.wire import Alert, dumps
from runwire.wire.messages import Severity
from runwire_alerting.policy import Policy


def identity(rule: str, run: str, metric: str, rank: int | None, attempt: int, *, which: int | None = None) -> str:
    """Return the id of an alert that begins: 16 hexadecimal digits.

    One that was forgotten begins under another id, for its attempt is another; ``which`` is of one attempt anyhow.
    """
    one = ["attempt", attempt] if which is None else which
    return hashlib.sha256(dumps([rule, run, metric, rank, one])).hexdigest()[:16]


@dataclass(frozen=True)
class Fire:
    """A rule's verdict: this is wrong, since ``caused_at`` (microseconds, by the clock of the host where it is)."""

    rule: str
    run: str
    rank: int
    attempt: int
    title: str
    text: str
    severity: Severity
    caused_at: int
    project: str = ""
    name: str = ""
    host: str = ""
    metric: str = ""
    which: int | None = None
    step: int | None = None
    value: float | None = None
    before: list[tuple[int, float]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Return the id of an alert that begins with this. It goes on under that id."""
        return identity(self.rule, self.run, self.metric, self.rank, self.attempt, which=self.which)

    @property
    def told(self) -> dict[str, Any]:
        """Return what an alert tells of this, also where it comes again."""
        return {
            "attempt": self.attempt, "title": self.title, "text": self.text, "step": self.step, "value": self.value,
            "before": self.before, "caused_at": self.caused_at, "tags": self.tags, "console": self.console,
        }  # fmt: skip

    def begin(self, known: Alert | None, policy: Policy, flaps: int, now: int) -> Alert:
        """Return the alert that begins an episode with this.

        Args:
            known: its last episode, None if none is known.
            policy: the rule's.
            flaps: how often it came again shortly after an end.
            now: the time.
        """
        return Alert(
            id=known.id if known else self.id,
            episode=known.episode + 1 if known else 1,
            version=known.version if known else 0,
            state="pending" if policy.hold else "firing",
            held_until=now + policy.hold if policy.hold else None,
            fired_at=now,
            rule=self.rule,
            kind=policy.kind or self.rule,
            severity=policy.severity or self.severity,
            run=self.run,
            project=self.project,
            name=self.name,
            host=self.host,
            rank=self.rank,
            metric=self.metric,
            ranks=str(self.rank),
            mode=policy.mode,
            flaps=flaps,
            incident=known.incident if known else "",  # so that the next one gets a name of its own
            **self.told,
        )


@dataclass(frozen=True)
class Resolve:
    """A rule's verdict: what ``alert`` is about is over, by the doings of ``attempt``, and by its word of ``at``
    (microseconds, by the clock of its host), if it was a word.
    """

    alert: Alert
    attempt: int | None
    reason: str
    at: int | None = None


Verdict = Fire | Resolve
