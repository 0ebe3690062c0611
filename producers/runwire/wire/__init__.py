"""The one contract of what travels: topics, bundles, metric frames, and the JSON of all else.

Whoever writes to Kafka or reads from it does so through this package, and through nothing else.
"""

from __future__ import annotations

from runwire.wire.artifacts import LoggedArtifact
from runwire.wire.bundles import bundle, is_bundle, unbundle
from runwire.wire.console import ConsoleLine, ConsoleLines
from runwire.wire.control import StopRequest
from runwire.wire.directives import Acknowledgement, RuleSet, Silence, parse_directive
from runwire.wire.frames import Frame, decode, encode
from runwire.wire.json import dumps, loads
from runwire.wire.media import MediaItem
from runwire.wire.messages import ATTEMPT_SHIFT, VERSION, Alert, Event, MetricPulse, Pulse
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
