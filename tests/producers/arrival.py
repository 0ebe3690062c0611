"""What Kafka holds of a run, read as any consumer would."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from kafka import KafkaConsumer, TopicPartition

from runwire.wire import EVENTS, METRICS, PULSE, Event, Pulse, decode
from runwire_faust.message import unpack


@dataclass
class Arrived:
    """What Kafka holds of one run.

    Attributes:
        rows: by (rank, seq): step, and the 64 bits of each metric's value.
        times: by (rank, seq): microseconds since the epoch.
        events, pulses: in the order of their arrival.
        records: how many metric messages there were.
        repeated: how many of their rows had come before.
    """

    rows: dict[tuple[int, int], tuple[int, dict[str, int]]] = field(default_factory=dict)
    times: dict[tuple[int, int], int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    pulses: list[Pulse] = field(default_factory=list)
    records: int = 0
    repeated: int = 0

    def of(self, kind: str) -> list[Event]:
        """The events of a kind, once each."""
        return list({(event.rank, event.seq): event for event in self.events if event.type == kind}.values())

    @property
    def ended(self) -> list[str | None]:
        """How each process ended, as its last pulse says."""
        return list({(p.rank, p.attempt): p.ended for p in self.pulses if not p.alive}.values())


class Reading:
    """Reads what arrives of a run, from the start of the topics on."""

    def __init__(self, kafka: str, run: str) -> None:
        self._run = run
        self.arrived = Arrived()
        self._consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
        partitions = [
            TopicPartition(topic, number)
            for topic in (METRICS, EVENTS, PULSE)
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        self._consumer.assign(partitions)
        self._consumer.seek_to_beginning()

    def until(self, condition: Callable[[Arrived], object], what: str, timeout: float = 60) -> Arrived:
        """Read until the condition holds of what arrived."""
        end = time.monotonic() + timeout
        while not condition(self.arrived):
            if time.monotonic() > end:
                pytest.fail(
                    f"{what}: not within {timeout:.0f} s; {len(self.arrived.rows)} rows, ended {self.arrived.ended}"
                )
            for records in self._consumer.poll(timeout_ms=100).values():
                for message in unpack(records)[0]:
                    self._take(message.topic, (message.key or b"").decode(), message.value or b"")
        return self.arrived

    def close(self) -> None:
        self._consumer.close()

    def _take(self, topic: str, key: str, value: bytes) -> None:
        if key.partition("/")[0] != self._run:
            return
        if topic == EVENTS:
            self.arrived.events.append(Event.parse(value))
        elif topic == PULSE:
            self.arrived.pulses.append(Pulse.parse(value))
        else:
            self._take_frames(key, value)

    def _take_frames(self, key: str, value: bytes) -> None:
        run, rank, frames = decode(value)
        assert f"{run}/{rank}" == key
        self.arrived.records += 1
        for frame in frames:
            seqs, steps, times, *columns = (bytes(plane) for plane in frame.planes)
            for index in range(frame.count):
                at = slice(8 * index, 8 * index + 8)
                row = (rank, int.from_bytes(seqs[at], "little"))
                values = {
                    name: int.from_bytes(column[at], "little") for name, column in zip(frame.keys, columns, strict=True)
                }
                self.arrived.repeated += row in self.arrived.rows
                known = (int.from_bytes(steps[at], "little", signed=True), values)
                assert self.arrived.rows.setdefault(row, known) == known, "a repeated row has the same content"
                self.arrived.times[row] = int.from_bytes(times[at], "little", signed=True)
