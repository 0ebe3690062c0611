"""`runwire dead-letter` and `runwire topics expand`, run as users run them, on a real Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import feed
import pytest
from feed import Log, Store
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from parts import until

from runwire.wire import ALERTS, DATA_TOPICS, DEAD_LETTER, EVENTS, METRICS, PULSE, Event, Frame, encode


def runwire(*argv: str, told: str = "") -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNWIRE_")}
    env |= {"RUNWIRE_HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "COLUMNS": "160"}
    command = [sys.executable, "-m", "runwire", *argv]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False, env=env, timeout=120)


def done(*argv: str, told: str = "") -> str:
    result = runwire(*argv, told=told)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def failed(*argv: str, code: int = 2) -> str:
    """A command that fails says why in one sentence on stderr."""
    result = runwire(*argv)
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    return result.stderr


def bury(kafka: str, topic: str, value: bytes, key: bytes = b"k", **more: object) -> int:
    """Publish a dead letter as a worker does; return its offset."""
    told = {"reason": "version 2, this program reads version 1", "topic": topic, "partition": 0, "offset": 5, **more}
    headers = [(name, str(what).encode()) for name, what in told.items()]
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all", max_request_size=2 << 20)
    there = producer.send(DEAD_LETTER, value=value, key=key, headers=headers).get(60)
    producer.close()
    return int(there.offset)


def records(kafka: str, topic: str) -> list[Any]:
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    ends, found = consumer.end_offsets(places), []
    while any(consumer.position(place) < ends[place] for place in places):
        for page in consumer.poll(500).values():
            found += page
    consumer.close()
    return found


def rows(log: Log, steps: range) -> tuple[bytes, bytes]:
    """Return key and value of a metric record that nobody has sent, and have the log count it as sent."""
    planes = [[log.seq + 1 + step for step in steps], list(steps), [1_700_000_000_000_000] * len(steps)]
    log.seq += len(steps)
    words = [b"".join(number.to_bytes(8, "little") for number in plane) for plane in planes]
    log.rows += [((log.run, "x", 0), step, 0.0, planes[0][place]) for place, step in enumerate(steps)]
    return f"{log.run}/0".encode(), encode(log.run, 0, [Frame(["x"], len(steps), [*words, bytes(8 * len(steps))])])


def test_a_letter_is_shown_wholly(kafka: str, tmp_path: Path) -> None:
    """Headers, key, and the value: decoded where it can be, else its beginning in hexadecimal; its bytes in a file."""
    event = Event("config", "shown", 0, 1, 1, {"lr": float("nan")}).encode()
    offset = bury(kafka, EVENTS, event, b"shown")
    text = done("dead-letter", "show", str(offset), "--kafka", kafka)
    for word in ("reason: version 2", f"topic: {EVENTS}", "key    shown", '"lr":"NaN"', f"value  {len(event)} bytes"):
        assert word in text
    broken = b"RWF1" + (15).to_bytes(4, "little") + b'{"run":"broken"' + bytes(range(256)) * 4
    offset, file = bury(kafka, METRICS, broken, b"\xff"), tmp_path / "raw"
    text = done("dead-letter", "show", str(offset), "--raw", str(file), "--kafka", kafka)
    assert file.read_bytes() == broken
    for word in ("0000  52 57 46 31", "RWF1", f"and {len(broken) - 256} bytes more", "key    \\xff"):
        assert word in text
    shown = json.loads(done("dead-letter", "show", str(offset), "--json", "--kafka", kafka))
    assert (shown["bytes"], shown["headers"]["topic"]) == (len(broken), METRICS)
    assert "no dead letter has offset 99999999" in failed("dead-letter", "show", "99999999", "--kafka", kafka)


def test_replayed_letters_are_stored_once_however_often(kafka: str, clickhouse: str, tmp_path: Path) -> None:
    """Metric records and events come to the store, to the bit, once; what still cannot be read is a letter anew."""
    log, word = Log(f"replayed-{uuid.uuid4().hex[:8]}", kafka), f"reason {uuid.uuid4()}"
    for start in range(0, 300, 100):
        key, value = rows(log, range(start, start + 100))
        last = bury(kafka, METRICS, value, key, reason=word)
    bad = uuid.uuid4().bytes
    bury(kafka, METRICS, bad, b"bad", reason=word)
    before = len(records(kafka, METRICS))
    dry = done("dead-letter", "replay", "--reason", word, "--dry-run", "--kafka", kafka)
    assert dry == f"would replay 4 to {METRICS}\n"
    no = runwire("dead-letter", "replay", "--reason", word, "--kafka", kafka, told="n\n")
    assert no.returncode == 1
    assert len(records(kafka, METRICS)) == before

    said = done("dead-letter", "replay", "--reason", word, "--kafka", kafka, told="y\n")
    assert f"replayed 4 to {METRICS}" in said
    again = records(kafka, METRICS)[-4:]
    assert [record.headers for record in again] == [[]] * 4
    assert "replayed 1 " in done("dead-letter", "replay", str(last), "--yes", "--kafka", kafka)
    with feed.running(kafka, clickhouse, tmp_path / "home", tmp_path / "log"):
        Store(clickhouse).check(log)

        def back() -> bool:
            letters = [record for record in records(kafka, DEAD_LETTER) if record.value == bad]
            return len(letters) == 2 and b"no metric record" in dict(letters[-1].headers)["reason"]

        until(back, "the bad one came back")
    log.close()


def test_what_may_not_be_replayed_is_left_out_and_said(kafka: str) -> None:
    """A cut value, an alert's state, a pulse of long ago: left out of many, and refused where they are named."""
    word = f"reason {uuid.uuid4()}"
    cut = bury(kafka, EVENTS, b"x", reason=word, cut=1_000_000)
    alert = bury(kafka, ALERTS, b"{}", reason=word)
    pulse = bury(kafka, PULSE, b"{}", reason=word)
    bury(kafka, EVENTS, b"{}", reason=word)
    said = done("dead-letter", "replay", "--all", "--reason", word, "--dry-run", "--kafka", kafka)
    assert said.count("left out: 1, ") == 3
    assert said.endswith(f"would replay 1 to {EVENTS}\n")
    assert "too large to be kept whole" in failed("dead-letter", "replay", str(cut), "--kafka", kafka)
    assert "newest record is what counts" in failed("dead-letter", "replay", str(alert), "--kafka", kafka)
    assert f"would replay 1 to {PULSE}" in done("dead-letter", "replay", str(pulse), "--dry-run", "--kafka", kafka)
    assert "say which" in failed("dead-letter", "replay", "--kafka", kafka)
    assert "say which" in failed("dead-letter", "replay", "1", "--all", "--kafka", kafka)
    assert "does not answer" in failed("dead-letter", "replay", "--all", "--kafka", "127.0.0.1:1", code=1)


def counts(kafka: str) -> dict[str, int]:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    told = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics([*DATA_TOPICS, DEAD_LETTER])}
    admin.close()
    return told


def test_topics_grow_and_never_shrink(own_kafka: str) -> None:
    """Before and after are said; fewer, the same, or nonsense is refused in a sentence, and nothing changes."""
    said = done("topics", "expand", "6", "--kafka", own_kafka)
    for topic in DATA_TOPICS:
        assert f"{topic:<16} 4 -> 6 partitions" in said
    wanted = {**dict.fromkeys(DATA_TOPICS, 6), DEAD_LETTER: 1}
    assert counts(own_kafka) == wanted
    assert "have 6 partitions, which cannot become 5" in failed("topics", "expand", "5", "--kafka", own_kafka)
    assert "6 partitions as it is" in failed("topics", "expand", "6", "--kafka", own_kafka)
    for nonsense in ("0", "-3", "x", "5000"):
        result = runwire("topics", "expand", nonsense, "--kafka", own_kafka)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
    assert "all topics are there" in done("topics", "create", "--kafka", own_kafka)
    assert counts(own_kafka) == wanted


def test_an_expansion_that_stopped_half_way_is_finished(own_kafka: str) -> None:
    """One topic has more partitions than the others, and one is gone: create and expand make them equal."""
    admin = KafkaAdminClient(bootstrap_servers=own_kafka)
    admin.create_partitions({PULSE: 6})
    admin.delete_topics([ALERTS])
    until(lambda: ALERTS not in admin.list_topics(), "one topic gone")
    admin.close()
    assert f"has no {ALERTS}" in failed("topics", "expand", "6", "--kafka", own_kafka)
    done("topics", "create", "--kafka", own_kafka)
    said = done("topics", "expand", "6", "--kafka", own_kafka)
    assert f"{PULSE:<16} 6 as before" in said
    assert counts(own_kafka) == {**dict.fromkeys(DATA_TOPICS, 6), DEAD_LETTER: 1}


@pytest.mark.parametrize("partitions", [1, 9])
def test_topics_are_created_with_as_many_partitions_as_asked(own_kafka: str, partitions: int) -> None:
    """The data topics, not the dead letters."""
    admin = KafkaAdminClient(bootstrap_servers=own_kafka)
    admin.delete_topics([*DATA_TOPICS, DEAD_LETTER])
    until(lambda: not set(DATA_TOPICS) & set(admin.list_topics()), "topics gone")
    admin.close()
    done("topics", "create", "--partitions", str(partitions), "--kafka", own_kafka)
    assert counts(own_kafka) == {**dict.fromkeys(DATA_TOPICS, partitions), DEAD_LETTER: 1}
