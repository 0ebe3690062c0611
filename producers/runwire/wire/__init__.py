"""The one contract of what travels: topics, bundles, metric frames, and the JSON of the rest.

Whoever writes to Kafka or reads from it does so through this package, and through nothing else.
"""

from __future__ import annotations

from runwire.wire.bundles import bundle, is_bundle, unbundle
from runwire.wire.control import StopRequest
from runwire.wire.frames import Frame, decode, encode
from runwire.wire.json import dumps, loads
from runwire.wire.messages import ATTEMPT_SHIFT, VERSION, Alert, Event, MetricPulse, Pulse
from runwire.wire.tables import TableRows
from runwire.wire.topics import ALERTS, CONTROL, DATA_TOPICS, DEAD_LETTER, EVENTS, METRICS, PULSE, TABLES, TOPICS, Topic

__all__ = [
    "ALERTS",
    "ATTEMPT_SHIFT",
    "CONTROL",
    "DATA_TOPICS",
    "DEAD_LETTER",
    "EVENTS",
    "METRICS",
    "PULSE",
    "TABLES",
    "TOPICS",
    "VERSION",
    "Alert",
    "Event",
    "Frame",
    "MetricPulse",
    "Pulse",
    "StopRequest",
    "TableRows",
    "Topic",
    "bundle",
    "decode",
    "dumps",
    "encode",
    "is_bundle",
    "loads",
    "unbundle",
]
