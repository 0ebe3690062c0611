"""The one contract of what travels: topics, bundles, metric frames, and the JSON of all else.

Whoever writes to Kafka or reads from it does so through this package, and through nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runwire.wire.artifacts import LoggedArtifact
    from runwire.wire.bundles import bundle, is_bundle, unbundle
    from runwire.wire.console import ConsoleLine, ConsoleLines
    from runwire.wire.control import StopRequest
    from runwire.wire.directives import Acknowledgement, RuleSet, Silence, parse_directive
    from runwire.wire.frames import Frame, decode, encode
    from runwire.wire.json import dumps, loads
    from runwire.wire.media import MediaItem
    from runwire.wire.messages import VERSION, Alert, Event, MetricPulse, Pulse
    from runwire.wire.names import ATTEMPT_SHIFT
    from runwire.wire.tables import TableRows
    from runwire.wire.topics import (
        ALERTS,
        ARTIFACTS,
        CONSOLE,
        CONTROL,
        DATA_TOPICS,
        DEAD_LETTER,
        DIRECTIVES,
        EVENTS,
        MEMORY,
        METRICS,
        PULSE,
        TABLES,
        TOPICS,
        Topic,
    )

__all__ = [
    "ALERTS",
    "ARTIFACTS",
    "ATTEMPT_SHIFT",
    "CONSOLE",
    "CONTROL",
    "DATA_TOPICS",
    "DEAD_LETTER",
    "DIRECTIVES",
    "EVENTS",
    "MEMORY",
    "METRICS",
    "PULSE",
    "TABLES",
    "TOPICS",
    "VERSION",
    "Acknowledgement",
    "Alert",
    "ConsoleLine",
    "ConsoleLines",
    "Event",
    "Frame",
    "LoggedArtifact",
    "MediaItem",
    "MetricPulse",
    "Pulse",
    "RuleSet",
    "Silence",
    "StopRequest",
    "TableRows",
    "Topic",
    "bundle",
    "decode",
    "dumps",
    "encode",
    "is_bundle",
    "loads",
    "parse_directive",
    "unbundle",
]

#: What each module has, which is loaded when first asked for: a training that logs numbers needs little of all this.
_PLACES = {
    "artifacts": ("LoggedArtifact",),
    "bundles": ("bundle", "is_bundle", "unbundle"),
    "console": ("ConsoleLine", "ConsoleLines"),
    "control": ("StopRequest",),
    "directives": ("Acknowledgement", "RuleSet", "Silence", "parse_directive"),
    "frames": ("Frame", "decode", "encode"),
    "json": ("dumps", "loads"),
    "media": ("MediaItem",),
    "messages": ("VERSION", "Alert", "Event", "MetricPulse", "Pulse"),
    "names": ("ATTEMPT_SHIFT",),
    "tables": ("TableRows",),
    "topics": (
        "ALERTS",
        "ARTIFACTS",
        "CONSOLE",
        "CONTROL",
        "DATA_TOPICS",
        "DEAD_LETTER",
        "DIRECTIVES",
        "EVENTS",
        "MEMORY",
        "METRICS",
        "PULSE",
        "TABLES",
        "TOPICS",
        "Topic",
    ),
}
_PLACE = {name: module for module, names in _PLACES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take it that there is whatever one asks for

    def __getattr__(name: str) -> Any:
        if name not in _PLACE:
            raise AttributeError(f"module 'runwire.wire' has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"runwire.wire.{_PLACE[name]}"), name)
        return found
