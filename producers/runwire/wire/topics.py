"""The topics, how they are keyed, and how long they are kept."""

from __future__ import annotations

from dataclasses import dataclass, field

_DAY_MS = 24 * 60 * 60 * 1000

#: Kafka's clock counts, not that of the host that logs: by one that is wrong Kafka would refuse what is sent (an hour
#: ahead), or remove it before it was read (a week behind).
_CONFIG = {"message.timestamp.type": "LogAppendTime"}

#: So many partitions each data topic is created with; all have as many, so that one worker is given the same run's
#: pulses and events. They may become more (`runwire topics expand`), and never fewer.
PARTITIONS = 4


@dataclass(frozen=True)
class Topic:
    """A topic as it is to be created.

    Attributes:
        name: its name in Kafka.
        partitions: how many partitions it has.
        config: Kafka's topic settings, besides those that all have.
    """

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """All of its settings."""
        return {**_CONFIG, **self.config}


METRICS = "runwire.metrics"
EVENTS = "runwire.events"
TABLES = "runwire.tables"
ARTIFACTS = "runwire.artifacts"
CONSOLE = "runwire.console"
PULSE = "runwire.pulse"
ALERTS = "runwire.alerts"
CONTROL = "runwire.control"
DIRECTIVES = "runwire.directives"
MEMORY = "runwire.memory"
DEAD_LETTER = "runwire.dead-letter"

#: Those whose partitions become more together. Artifacts are few, and each needs all that was logged of its name in one
#: order, for good: so they have one partition, which stays the only one.
DATA_TOPICS = (METRICS, TABLES, CONSOLE, EVENTS, PULSE, ALERTS, MEMORY)

TOPICS = (
    Topic(METRICS, PARTITIONS, {"retention.ms": str(7 * _DAY_MS)}),
    Topic(TABLES, PARTITIONS, {"retention.ms": str(7 * _DAY_MS)}),
    Topic(ARTIFACTS, 1, {"retention.ms": str(7 * _DAY_MS)}),
    Topic(CONSOLE, PARTITIONS, {"retention.ms": str(7 * _DAY_MS)}),
    Topic(EVENTS, PARTITIONS, {"retention.ms": str(7 * _DAY_MS)}),
    # Kafka drops and compacts whole closed segments only, and would close one in seven days.
    Topic(PULSE, PARTITIONS, {"retention.ms": str(_DAY_MS), "segment.ms": str(_DAY_MS // 24)}),
    Topic(ALERTS, PARTITIONS, {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS)}),
    # Requests to runs, a few a day: each host's shipper reads all of them.
    Topic(CONTROL, 1, {"retention.ms": str(7 * _DAY_MS)}),
    # What people tell alerting, a few records a day: each of its workers reads all of them.
    Topic(DIRECTIVES, 1, {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS)}),
    # What alerting keeps of each rank: the same keys again and again, so what is outdated goes soon.
    Topic(MEMORY, PARTITIONS, {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS // 24)}),
    # A record as large as may be must still fit once it has headers that say why it is here.
    Topic(DEAD_LETTER, 1, {"retention.ms": str(14 * _DAY_MS), "max.message.bytes": str(2 << 20)}),
)
