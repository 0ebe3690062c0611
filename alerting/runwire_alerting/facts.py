"""What selectors of rules may ask of a run: its tags, its config, and the roles of its metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runwire.wire import Event

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
            self.config.update(_leaves(data.get("config") if event.type == "start" else data, ""))
        if event.type in ("start", "tags"):
            self.tags.update(_words(data.get("tags")))
            self.tags.difference_update(_words(data.get("removed")))
        if event.type == "metric":
            for metric, said in data.items():
                if isinstance(said, dict) and isinstance(role := said.get("role"), str):
                    self.roles[metric] = role


def _words(told: Any) -> list[str]:
    return [tag for tag in told if isinstance(tag, str)] if isinstance(told, list) else []


def _leaves(told: Any, before: str) -> Iterator[tuple[str, Any]]:
    for key, value in told.items() if isinstance(told, Mapping) else ():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
