"""Workers of alerting, what shippers send to them, and what they published."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from runwire.errors import WireError
from runwire.wire import ALERTS, EVENTS, PULSE, Alert, Event, MetricPulse, Pulse

SECOND = 1_000_000
PATIENCE = 60.0


def now() -> int:
    return time.time_ns() // 1000


class Host:
    """What a shipper does, as far as alerting sees it: sends pulses and events of one rank."""

    def __init__(self, kafka: str) -> None:
        self.producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
        self.attempt = int(time.time())

    def pulse(self, run: str, *, nan: bool = False, **more: Any) -> Pulse:
        record = self.pulse_of(run, nan=nan, **more)
        self.send(PULSE, run, record.encode())
        return record

    def pulse_of(self, run: str, *, nan: bool = False, **more: Any) -> Pulse:
        sent = now()
        first = {"step": 7, "ts": sent, "value": float("nan"), "before": [(5, 1.5), (6, 2.5)]}
        loss = MetricPulse(3, 2.5, 1.5, 2.5, 4.0, nonfinite=int(nan), first_nonfinite=first if nan else None)
        given: dict[str, Any] = {
            "project": "digits", "name": "bold-mlp", "host": f"node-{run}", "pid": 7, "rank": 0, "interval": 1.0,
            "alive": True, "started": sent, "progressed": sent, "step": 7, "steps": 50, "step_seconds_max": 0.01,
            "metrics": {"train/loss": loss}, **more,
        }  # fmt: skip
        return Pulse(run=run, attempt=self.attempt, sent=sent, **given)

    def event(self, run: str, kind: str, place: int = 1, **data: Any) -> None:
        record = Event(type=kind, run=run, rank=0, seq=(self.attempt << 32) + place, ts=now(), data=data)  # type: ignore[arg-type]
        self.send(EVENTS, run, record.encode())

    def send(self, topic: str, key: str, value: bytes) -> Any:
        return self.producer.send(topic, key=key.encode(), value=value).get(PATIENCE)


@dataclass
class Worker:
    """A running alerting process and what it said."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


Start = Callable[..., Worker]


def records(kafka: str, topic: str) -> list[Any]:
    """Return every record of a topic up to its present end."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Any] = []
        while any(consumer.position(place) < ends[place] for place in places):
            for page in consumer.poll(200).values():
                found += page
        return found
    finally:
        consumer.close()


def published(kafka: str, run: str) -> list[Alert]:
    """Return the published states of a run's alerts, each alert's in order."""
    alerts = []
    for record in records(kafka, ALERTS):
        with suppress(WireError):  # other tests, on the same Kafka, send what is no alert
            alerts.append(Alert.parse(record.value))
    return [alert for alert in alerts if alert.run == run]


def transitions(alerts: list[Alert]) -> list[tuple[str, int, str]]:
    """Return id, episode and state of each transition: records that only note a delivery are none."""
    return [(alert.id, alert.episode, alert.state) for alert in alerts if not alert.delivered_at]
