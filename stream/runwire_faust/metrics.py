"""What the kit counts for whichever worker it is in. What is measured per group is in `lag`."""

from __future__ import annotations

from prometheus_client import Counter

from runwire.wire import ALERTS, ARTIFACTS, CONSOLE, EVENTS, METRICS, PULSE, TABLES

DEAD_LETTERS = Counter(
    "runwire_worker_dead_letters",
    "Records that could not be read and were put aside, by the topic that they came from.",
    ["topic"],
)
for _topic in (METRICS, TABLES, CONSOLE, ARTIFACTS, EVENTS, PULSE, ALERTS):
    DEAD_LETTERS.labels(_topic)  # told as 0 from the start
