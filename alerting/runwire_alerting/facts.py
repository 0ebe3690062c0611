"""What selectors of rules may ask of a run: its tags, its config, and the roles of its metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runwire.wire import Event
from runwire.wire.leaves import leaves

#: The events that say something of what selectors ask.
SELECTED = frozenset({"start", "config", "tags", "metric"})


@dataclass(slots=True)
class Facts:
    """What a run's events said so far.

    Attributes:
        tags: its tags.
        config: its config, leaves by their path joined by dots.
        kept: when that of it which came from a record was recorded, see `runwire_alerting.memory`.
        roles: what `define_metric` said that a metric is, by name.
    """

    tags: set[str] = field(default_factory=set)
    config: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    kept: int = 0

    def event(self, event: Event) -> None:
        """Take in an event."""
        data = event.data
        if event.type in ("start", "config"):
            told = data.get("config") if event.type == "start" else data
            self.config.update(leaves(told) if isinstance(told, dict) else ())
        if event.type in ("start", "tags"):
            self.tags.update(_words(data.get("tags")))
            self.tags.difference_update(_words(data.get("removed")))
        if event.type == "metric":
            for metric, said in data.items():
                if isinstance(said, dict):  # all that is defined of it, in place of what was
                    role = said.get("role")
                    self.roles.pop(metric, None)
                    self.roles |= {metric: role} if isinstance(role, str) else {}


def _words(told: Any) -> list[str]:
    return [tag for tag in told if isinstance(tag, str)] if isinstance(told, list) else []
