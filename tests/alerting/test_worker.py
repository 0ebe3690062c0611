"""The alerting process between a real Kafka and real HTTP receivers."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from kafka import KafkaConsumer, TopicPartition
from parts import end, own, until
from receiver import Receiver
from scrape import Told, health, readiness, scrape
from workers import PATIENCE, Host, Start, now, published, records, transitions

from runwire.wire import ALERTS, DEAD_LETTER, DIRECTIVES, EVENTS, MEMORY, PULSE, RuleSet, bundle, loads
from runwire.wire.topics import PARTITIONS
from runwire_alerting.verdicts import identity
from runwire_faust.strays import home
from runwire_server.local import ports, topics


def test_a_nan_is_posted_once_with_everything_and_recorded(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """A NaN pulse becomes one POST that says who, where, what and what came before; its delivery is then recorded."""
    hook = listen()
    start(hook.url, flags=("--server", "http://127.0.0.1:7601"))
    host.pulse(run)
    sent = host.pulse(run, nan=True)
    host.pulse(run, nan=True)
    until(lambda: hook.of(run), "notice")
    until(lambda: published(kafka, run)[-1].delivered_at, "delivery recorded")
    [(key, body)] = hook.of(run)
    [alert] = [alert for alert in published(kafka, run) if not alert.delivered_at]
    assert key == f"{alert.id}-1-firing"
    fired_at = body.pop("fired_at")
    assert isinstance(fired_at, int)
    assert base64.b64decode(body.pop("plot")).startswith(b"\x89PNG")
    assert body == {
        "title": "bold-mlp: train/loss is NaN at step 7",
        "text": f"bold-mlp ({run}) of digits, rank 0 on node-{run}: train/loss is NaN at step 7. "
        "Before: 5: 1.5, 6: 2.5 (step: value).",
        "rule": "nonfinite", "kind": "nonfinite", "severity": "critical", "state": "firing", "run": run,
        "project": "digits", "name": "bold-mlp", "rank": 0, "metric": "train/loss", "step": 7, "value": "NaN",
        "before": [[5, 1.5], [6, 2.5]],
        "host": f"node-{run}", "tags": [], "action": "roll_back", "ranks": "0", "cascade": [], "console": [],
        "caused_at": sent.metrics["train/loss"].first_nonfinite["ts"],  # type: ignore[index]
        "resolved_at": None, "id": alert.id, "episode": 1, "url": f"http://127.0.0.1:7601/r/{run}",
    }  # fmt: skip
    assert all(agent.startswith("runwire-alerting/") for agent in hook.agents)


def test_a_receiver_that_fails_first_is_asked_again_with_the_same_key(
    start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """500, then 503, then 200: three requests with one key, and one notice taken."""
    hook = listen()
    start(hook.url)
    hook.statuses[run] = [500, 503]
    host.event(run, "lost", reason="killed")
    until(lambda: hook.of(run), "notice")
    [(key, body)] = hook.of(run)
    assert hook.asked.count(key) == 3
    assert (body["rule"], body["title"]) == ("crash", f"{run} was killed")


def test_a_notice_survives_a_receiver_that_is_down_and_a_killed_worker(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """Fired while nobody listens, worker killed -9 and started anew: delivered then, and published as fired once."""
    port = ports.free()
    url = f"http://127.0.0.1:{port}/hook"
    worker = start(url)
    host.pulse(run, nan=True)
    until(lambda: "cannot be reached" in worker.log.read_text(), "receiver missed")
    worker.kill()
    hook = listen(port=port)
    start(url)
    until(lambda: hook.of(run), "notice")
    until(lambda: published(kafka, run)[-1].delivered_at, "delivery recorded")
    [fired] = transitions(published(kafka, run))
    assert [key for key, _ in hook.of(run)] == [f"{fired[0]}-1-firing"]


def test_what_fired_and_was_over_while_nobody_listened_is_told_whole_by_the_next_worker(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """A NaN, its end, and a worker that is killed before anybody listens: begin and end are told, in this order."""
    port = ports.free()
    url = f"http://127.0.0.1:{port}/hook"
    worker = start(url)
    host.pulse(run, nan=True)
    until(lambda: "cannot be reached" in worker.log.read_text(), "receiver missed")
    host.attempt += 1
    host.pulse(run)
    until(lambda: published(kafka, run)[-1].state == "resolved", "over")
    worker.kill()
    hook = listen(port=port)
    start(url)
    until(lambda: len(hook.once(run)) == 2, "both told")
    assert [body["state"] for body in hook.once(run)] == ["firing", "resolved"]


def test_a_hanging_receiver_holds_up_no_other(
    start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """One receiver never answers; another is told of twenty alerts all the same, each once."""
    hangs, hook = listen(Receiver(hangs=True)), listen()
    start(hangs.url, hook.url)
    for number in range(20):
        host.event(run, "alert", place=number, title=f"alert {number}")
    until(lambda: len(hook.of(run)) == 20, "twenty notices")
    assert len({key for key, _ in hook.of(run)}) == 20
    until(lambda: hangs.asked, "the hanging receiver asked")


def test_two_kills_amid_twenty_alerts_lose_none_and_fire_none_twice(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """Killed -9 twice while alerts come: each reaches the receiver with one key, and is published as firing once."""
    hook = listen()
    worker = start(hook.url)
    runs = [f"{run}-{number}" for number in range(20)]
    for number, one in enumerate(runs):
        host.pulse(one, nan=True)
        if number in (7, 13):
            until(lambda: len(hook.taken) > number - 5, "alerts under way")  # noqa: B023 -- called before it changes
            worker.kill()
            worker = start(hook.url)
    until(lambda: all(hook.of(one) for one in runs), "every alert's notice")
    for one in runs:
        [fired] = transitions(published(kafka, one))
        assert {key for key, _ in hook.of(one)} == {f"{fired[0]}-1-firing"}


def test_a_second_worker_takes_over_from_a_killed_one(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """Two workers share the partitions; when one is killed the other tells of its runs, also of those known before."""
    hook = listen()
    first = start(hook.url)
    start(hook.url)
    runs = [f"{run}-{number}" for number in range(12)]
    for one in runs:
        host.pulse(one, nan=True)
    until(lambda: all(hook.of(one) for one in runs), "every alert's notice")
    first.kill()
    host.attempt += 100
    for one in runs:
        host.pulse(one)
    until(lambda: all(hook.of(one)[-1][1]["state"] == "resolved" for one in runs), "all resolved")
    for one in runs:
        assert [(episode, state) for _, episode, state in transitions(published(kafka, one))] == [
            (1, "firing"),
            (1, "resolved"),
        ]


def test_an_unreadable_pulse_goes_to_the_dead_letters_and_stops_nothing(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """No JSON and a wrong version: all are dead letters with reason and place, and the next NaN is told."""
    hook = listen()
    start(hook.url)
    bad = [b"no json", b'{"v":99}', b""]
    places = [host.send(PULSE, run, value) for value in bad]
    host.send(EVENTS, run, b"no json either")
    host.pulse(run, nan=True)
    until(lambda: hook.of(run), "notice")
    dead = [record for record in records(kafka, DEAD_LETTER) if record.key == run.encode()]
    assert [record.value for record in dead] == bad
    for record, place in zip(dead, places, strict=True):
        headers = dict(record.headers)
        assert headers["topic"] == PULSE.encode()
        assert (int(headers["partition"]), int(headers["offset"])) == (place.partition, place.offset)
    assert b"version 99" in dict(dead[1].headers)["reason"]


def test_each_pulse_of_a_bundle_is_judged_as_if_it_had_come_alone(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """Of twelve runs in one record, wherever their keys belong, those with a NaN are told of, and who starts later
    knows the others, too; what cannot be read among them is a dead letter.
    """
    hook = listen()
    first = start(hook.url)
    runs = [f"{run}-{number}" for number in range(12)]
    pulses = [(one.encode(), host.pulse_of(one, nan=number % 2 == 0).encode()) for number, one in enumerate(runs)]
    bad = (runs[0].encode(), b"nothing readable")
    host.producer.send(PULSE, value=bundle([*pulses[:5], bad, *pulses[5:]]), partition=2).get(PATIENCE)
    until(lambda: all(hook.of(one) for one in runs[::2]), "a notice of each NaN")
    dead = [record for record in records(kafka, DEAD_LETTER) if record.key == bad[0]]
    assert [record.value for record in dead] == [bad[1]]
    first.kill()
    start(hook.url, RUNWIRE_ALERT_HEARTBEAT_AFTER="2")
    until(lambda: all(any(told["rule"] == "host_lost" for *_, told in hook.of(one)) for one in runs), "silence of all")
    assert not any(told["rule"] == "nonfinite" for one in runs[1::2] for *_, told in hook.of(one))


def test_what_is_hardly_small_enough_for_kafka_or_nested_too_deep_stops_nothing(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """An alert whose record would be larger than Kafka takes is told and recorded in part; a config of a thousand
    levels is passed by; the NaN behind them is told.
    """
    hook = listen()
    worker = start(hook.url)
    host.event(run, "alert", place=1, title="huge", text="x" * 1_048_000)
    nested = b'{"a":' * 1000 + b"1" + b"}" * 1000
    event = b'{"v":1,"type":"config","run":"%b","rank":0,"seq":%d,"ts":1,"data":%b}'
    host.send(EVENTS, run, event % (run.encode(), (host.attempt << 32) + 2, nested))
    host.pulse(run, nan=True)
    until(lambda: len(hook.of(run)) == 2, "both told")
    assert {body["title"].split(":")[0] for _, body in hook.of(run)} == {"huge", "bold-mlp"}
    [huge] = [alert for alert in published(kafka, run) if alert.rule == "user" and not alert.delivered_at]
    assert huge.text == "x" * 50_000
    assert "is recorded in part" in worker.log.read_text()


def test_a_config_that_is_larger_than_kafka_takes_is_no_reason_to_end(
    kafka: str, start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """It was told in parts. What is learnt of the rank is kept without it, and the NaN behind it is told."""
    run = next(one for number in count() if crc32(f"{(one := f'{run}-{number}')}/0".encode()) % 60 == 59)  # kept soon
    hook = listen()
    worker = start(hook.url)
    for place in range(1, 7):
        host.event(run, "config", place=place, **{f"text-{place}": "x" * 900_000, "lr": 0.1})
    until(lambda: host.pulse(run) and "kept without its run's config" in worker.log.read_text(), "kept")
    host.pulse(run, nan=True)
    until(lambda: hook.of(run), "notice")
    [kept, *_] = [loads(record.value) for record in records(kafka, MEMORY) if record.key == f"{run}/0".encode()]
    assert (kept["run"], kept["step"], kept["facts"]["config"]) == (run, 7, {})


def test_a_flood_of_unreadable_pulses_stops_it_until_it_is_told_otherwise(
    own_kafka: str, hosts: Callable[[str], Host], start: Start, listen: Callable[..., Receiver], run: str
) -> None:
    """It ends with 78 and says why; told to put them aside, it goes on, and the NaN behind them is told."""
    hook, host = listen(), hosts(own_kafka)
    worker = start(hook.url, broker=own_kafka)
    for _ in range(300):
        host.producer.send(PULSE, key=run.encode(), value=b"no json")
    host.producer.flush()
    host.pulse(run, nan=True)
    assert worker.process.wait(PATIENCE) == 78
    assert "RUNWIRE_UNREADABLE_SHARE_MAX=1" in worker.log.read_text()
    start(hook.url, broker=own_kafka, RUNWIRE_UNREADABLE_SHARE_MAX="1")
    until(lambda: hook.of(run), "notice")


def test_a_stall_and_its_end_are_told(start: Start, listen: Callable[..., Receiver], host: Host, run: str) -> None:
    """With a limit of one second, pulses without progress fire, and the next step resolves, each told once."""
    hook = listen()
    start(hook.url, RUNWIRE_ALERT_STALLED_AFTER="1", RUNWIRE_ALERT_STALLED_AFTER_MAX="1")
    progressed = host.pulse(run).sent

    def hang() -> bool:
        host.pulse(run, progressed=progressed)
        time.sleep(0.2)  # the pace at which a host sends pulses
        return bool(hook.of(run))

    until(hang, "stall told")
    host.pulse(run, step=8)
    until(lambda: len(hook.of(run)) == 2, "end of the stall told")
    assert [(body["rule"], body["state"]) for _, body in hook.of(run)] == [
        ("stalled", "firing"),
        ("stalled", "resolved"),
    ]


def test_a_silent_run_is_missed_and_then_found_killed(
    start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """With a limit of two seconds, pulses that stop fire; word of the kill fires the crash and resolves the silence."""
    hook = listen()
    start(hook.url, RUNWIRE_ALERT_HEARTBEAT_AFTER="2")
    host.pulse(run, interval=0.1)
    until(lambda: hook.of(run), "silence told")
    host.event(run, "lost", reason="killed")
    until(lambda: len(hook.of(run)) == 3, "crash and end of the silence told")
    told = {(body["rule"], body["state"]) for _, body in hook.of(run)}
    assert told == {("host_lost", "firing"), ("crash", "firing"), ("host_lost", "resolved")}


def test_a_frozen_kafka_makes_no_run_silent(
    tmp_path: Path, start: Start, listen: Callable[..., Receiver], run: str
) -> None:
    """Kafka stands still for longer than the limit while a run lives on: no alert; once the run really stops, one.

    Meanwhile the worker says that it lives and is not ready, for it sees nothing.
    """
    port = ports.free()
    with (tmp_path / "kafka.log").open("wb") as log:
        command = [sys.executable, "-m", "runwire", "kafka", "--home", str(tmp_path / "own"), "--port", str(port)]
        broker = own(command, stdout=log, stderr=log)
    try:
        topics.create(f"127.0.0.1:{port}", timeout=PATIENCE)
        hook, host = listen(), Host(f"127.0.0.1:{port}")
        url = f"http://127.0.0.1:{ports.free()}"
        flags = ("--metrics-port", url.rpartition(":")[2])
        start(hook.url, flags=flags, broker=f"127.0.0.1:{port}", RUNWIRE_ALERT_HEARTBEAT_AFTER="3")
        for _ in range(5):
            host.pulse(run, interval=0.1)
            time.sleep(0.5)  # the pace of pulses
        until(lambda: readiness(url) == (200, "ok\n"), "all is in sight")
        broker.send_signal(signal.SIGSTOP)
        time.sleep(6)  # twice the limit: it is time itself that must not make an alert
        until(lambda: readiness(url)[0] == 503, "it says that it does not see")
        assert scrape(url)["runwire_alerting_blind_partitions"] == 4
        assert scrape(url)["runwire_worker_lag_seconds"] > 1
        assert health(url) == (200, "ok\n")
        broker.send_signal(signal.SIGCONT)
        for _ in range(10):
            last = host.pulse(run, interval=0.1)
            time.sleep(0.5)
        until(lambda: hook.of(run), "silence told")
        assert [(body["rule"], body["caused_at"]) for _, body in hook.of(run)] == [("host_lost", last.sent)]
        host.producer.close()
    finally:
        broker.send_signal(signal.SIGCONT)
        end(broker)


def test_its_metrics_tell_of_alerts_notices_and_what_waits(
    start: Start, listen: Callable[..., Receiver], host: Host, run: str
) -> None:
    """A NaN is one firing alert, one notice taken and one refused first, and its host's bytes wait; then it is over."""
    hook = listen(Receiver(statuses={run: [500]}))
    url = f"http://127.0.0.1:{ports.free()}"
    start(hook.url, flags=("--metrics-port", url.rpartition(":")[2]))

    def settled() -> Told | None:
        told = scrape(url)  # a lag is 0 before the first look at Kafka, too
        return (
            told
            if told["runwire_worker_partitions"] == 2 * PARTITIONS and told["runwire_worker_lag_records"] == 0
            else None
        )

    before = until(settled, "nothing waits")

    def more(name: str, **labels: str) -> float:
        return scrape(url).of(name, **labels) - before.of(name, **labels)

    host.pulse(run, nan=True, waiting_bytes=12_345)
    until(lambda: more("runwire_alerting_firing", rule="nonfinite") == 1, "the alert is told")
    assert more("runwire_alerting_alerts_total", rule="nonfinite", state="firing") == 1
    assert more("runwire_alerting_spool_waiting_bytes") == 12_345
    until(lambda: more("runwire_alerting_ranks") == 1, "the rank is told")
    until(lambda: hook.of(run), "the notice is taken")
    until(lambda: scrape(url)["runwire_alerting_notices_waiting"] == 0, "none waits")
    told, place = scrape(url), hook.url.rpartition("/")[0]
    # It also had the notices of other tests' alerts that no receiver took.
    assert told.of("runwire_alerting_notices_total", outcome="taken", receiver=place) == len(hook.taken)
    assert told.of("runwire_alerting_notices_total", outcome="refused", receiver=place) == 1
    assert told["runwire_alerting_notice_seconds_count"] == len(hook.taken)
    host.pulse(run, alive=False, ended="finished")
    host.event(run, "finish", exit_code=0)
    until(lambda: more("runwire_alerting_ranks") == 0, "the run has ended")
    assert more("runwire_alerting_spool_waiting_bytes") == 0
    until(lambda: more("runwire_worker_records_total", topic=PULSE) == 2, "both pulses are counted")
    until(lambda: more("runwire_worker_lag_records") == 0, "nothing waits")


def test_no_log_holds_a_receivers_secret(start: Start, listen: Callable[..., Receiver], host: Host, run: str) -> None:
    """A webhook's path, query and password are in no line that is said when it fails, and in no published alert."""
    hook = listen(Receiver(statuses={run: [500]}))
    secret = hook.url.replace("http://", "http://user:pa55word@").replace("/hook", "/t0ken?key=s3cret")
    closed = f"http://127.0.0.1:{ports.free()}/t0ken?key=s3cret"
    worker = start(secret, closed)
    host.pulse(run, nan=True)
    until(lambda: hook.of(run), "notice")
    until(lambda: "cannot be reached" in worker.log.read_text(), "the closed receiver missed")
    said = worker.log.read_text()
    assert "status 500" in said
    assert not any(word in said for word in ("pa55word", "t0ken", "s3cret"))


def test_it_ends_well_when_asked_to(start: Start, host: Host, run: str) -> None:
    """SIGTERM ends it with exit code 0 and without a traceback, a notice still owed or not."""
    worker = start(f"http://127.0.0.1:{ports.free()}/hook")
    host.pulse(run, nan=True)
    until(lambda: "cannot be reached" in worker.log.read_text(), "receiver missed")
    worker.process.terminate()
    assert worker.process.wait(PATIENCE) == 0
    assert "Traceback" not in worker.log.read_text()


def test_topics_that_grow_make_no_run_silent_and_hide_no_nan(
    own_kafka: str, hosts: Callable[[str], Host], start: Start, listen: Callable[..., Receiver], run: str
) -> None:
    """4 to 7 partitions under two workers, with hosts that know of it and hosts that do not: nobody is missed but who
    fell silent at that moment, and a NaN is told once, from wherever it is; who is silent later is missed then, once.
    """
    hook, old = listen(), hosts(own_kafka)
    workers = [start(hook.url, broker=own_kafka, RUNWIRE_ALERT_HEARTBEAT_AFTER="10") for _ in range(2)]
    runs = [
        one for one in (f"{run}-{number}" for number in range(40)) if home(one.encode(), 4) != home(one.encode(), 7)
    ]
    gone = runs.pop()
    for one in [*runs, gone]:
        old.pulse(one, interval=0.1)
    until(lambda: all(_read(own_kafka, number) for number in range(4)), "all handled where they lie")
    topics.expand(own_kafka, 7)
    new = hosts(own_kafka)
    for _ in range(15):  # more than the limit: it is time itself that must not make an alert
        for number, one in enumerate(runs):
            (old if number % 2 else new).pulse(one, interval=0.1)
        time.sleep(1)
    assert [hook.of(one) for one in runs] == [[]] * len(runs)
    until(lambda: hook.of(gone), "who fell silent is missed")
    assert any("event=strays" in worker.log.read_text() for worker in workers)
    for host, one in ((new, runs[0]), (old, runs[1])):
        host.pulse(one, nan=True)
        host.pulse(one, nan=True)
    until(lambda: all(hook.of(one) for one in runs), "all told of, two for a NaN and all for their silence")
    told = {one: [body["rule"] for _, body in hook.of(one)] for one in runs[2:]}
    assert told == {one: ["host_lost"] for one in runs[2:]}
    for one in runs[:2]:
        assert [body["rule"] for _, body in hook.of(one)].count("nonfinite") == 1
    for one in [*runs, gone]:
        states = transitions(published(own_kafka, one))
        assert len(states) == len(set(states))


def _read(kafka: str, partition: int) -> bool:
    """Whether the workers have acknowledged all pulses of a partition."""
    place = TopicPartition(PULSE, partition)
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id="runwire.alerting", enable_auto_commit=False)
    try:
        return bool((consumer.committed(place) or 0) >= consumer.end_offsets([place])[place])
    finally:
        consumer.close()


def test_an_alerts_newest_state_counts_in_whichever_partition_it_is(
    own_kafka: str, hosts: Callable[[str], Host], start: Start, listen: Callable[..., Receiver], run: str
) -> None:
    """Fired before its topic grew, resolved afterwards in another partition, then fired anew: each told once."""
    hook, host = listen(), hosts(own_kafka)
    one = next(one for one in (f"{run}-{number}" for number in count()) if _moves(one, host.attempt))
    worker = start(hook.url, broker=own_kafka)
    host.pulse(one, nan=True)
    until(lambda: len(hook.once(one)) == 1, "fired")
    worker.kill()
    topics.expand(own_kafka, 7)
    worker = start(hook.url, broker=own_kafka)
    host.attempt += 1
    host.pulse(one)
    until(lambda: len(hook.once(one)) == 2, "resolved")
    worker.kill()
    start(hook.url, broker=own_kafka)
    host.attempt += 1
    host.pulse(one, nan=True)
    until(lambda: len(hook.once(one)) == 3, "fired anew")
    assert [(body["episode"], body["state"]) for body in hook.once(one)] == [
        (1, "firing"),
        (1, "resolved"),
        (2, "firing"),
    ]
    assert len({record.partition for record in records(own_kafka, ALERTS)}) == 2


def _moves(run: str, attempt: int) -> bool:
    id_ = identity("nonfinite", run, "train/loss", 0, attempt).encode()
    return home(id_, 4) != home(id_, 7)


def test_a_runs_pulses_and_events_come_to_one_of_three_workers(own_kafka: str, start: Start) -> None:
    """With any number of workers and partitions each partition number, of pulses and of events, is one worker's."""
    topics.expand(own_kafka, 5)
    workers = [start(broker=own_kafka) for _ in range(3)]

    def watched() -> list[int]:
        said = [re.findall(r'partitions="?(\[[^]]*\])', worker.log.read_text()) for worker in workers]
        return sorted(number for lines in said for number in json.loads(lines[-1]))

    until(lambda: watched() == list(range(5)), "each watched once")


@pytest.mark.parametrize(
    ("flags", "env", "said"),
    [
        (("--alert-webhook", "hook"), {}, "--alert-webhook takes an address such as https://example.org/hook"),
        ((), {"RUNWIRE_ALERT_HEARTBEAT_AFTER": "soon"}, "RUNWIRE_ALERT_HEARTBEAT_AFTER is 'soon'"),
        (("--stalled-after", "-1"), {}, "RUNWIRE_ALERT_STALLED_AFTER is -1.0"),
    ],
)
def test_wrong_settings_are_told_in_one_sentence(
    tmp_path: Path, flags: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    """A wrong webhook or number ends the program at once with exit code 2, naming it, and without a traceback."""
    command = [sys.executable, "-m", "runwire_alerting", "--kafka", "127.0.0.1:1", "--home", str(tmp_path), *flags]
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1


def test_a_file_says_who_is_told_of_what(
    start: Start, listen: Callable[..., Receiver], host: Host, run: str, tmp_path: Path
) -> None:
    """A NaN goes to the signed webhook of its route, a message to the other one, and each nowhere else."""
    pager, chat = listen(), listen()
    file = tmp_path / "alerts.yaml"
    file.write_text(f"""
notifiers:
  pager: {{url: "{pager.url}", secret: "${{PAGER_SECRET}}"}}
  chat: {{url: "{chat.url}"}}
routes:
  - {{to: pager, severity: critical, project: [dig*]}}
  - {{to: chat}}
""")
    worker = start(RUNWIRE_ALERT_FILE=str(file), PAGER_SECRET="s3cret-of-twenty-four-bytes-or-more")
    host.pulse(run)
    host.event(run, "alert", title="look", level="info")
    host.pulse(run, nan=True)
    until(lambda: pager.of(run) and chat.of(run), "both told")
    assert [body["rule"] for _, body in pager.of(run)] == ["nonfinite"]
    assert [body["rule"] for _, body in chat.of(run)] == ["user"]
    headers, _ = next(came for came in pager.requests if run.encode() in came[1])
    assert headers["webhook-signature"].startswith("v1,")
    assert not any("webhook-signature" in came for came, _ in chat.requests)
    assert "s3cret" not in worker.log.read_text()


def test_rules_that_cannot_be_taken_over_change_nothing_and_end_no_worker(
    own_kafka: str, hosts: Callable[[str], Host], start: Start, listen: Callable[..., Receiver], run: str
) -> None:
    """An address that lint lets pass and nobody can post to: the worker says so, goes by the rules of before, and so
    does who is started later; and when a rule is turned off, nothing is told any more of how many of it fire.
    """
    hook, host = listen(), hosts(own_kafka)
    url = f"http://127.0.0.1:{ports.free()}"
    worker = start(hook.url, broker=own_kafka, flags=("--metrics-port", url.rpartition(":")[2]))

    def apply(*given: dict[str, Any]) -> None:
        host.send(DIRECTIVES, "rules", RuleSet(list(given), "somebody", now()).encode())

    apply({"name": "nonfinite", "actions": [{"webhook": "https:/example.org/t0ken"}]})
    until(lambda: "rules not taken over" in worker.log.read_text(), "said")
    host.pulse(run, nan=True)
    until(lambda: hook.of(run), "notice")
    until(lambda: scrape(url).of("runwire_alerting_firing", rule="nonfinite") == 1, "it is counted")
    apply({"name": "nonfinite", "enabled": False})
    until(lambda: ("runwire_alerting_firing", {"rule": "nonfinite"}) not in _labels(url), "it is off")
    assert ("runwire_alerting_firing", {"rule": "crash"}) in _labels(url)
    apply({"name": "nonfinite", "actions": [{"webhook": "https:/example.org/t0ken"}]})
    worker.kill()
    later = start(hook.url, broker=own_kafka)
    host.pulse(f"{run}-2", nan=True)
    until(lambda: hook.of(f"{run}-2"), "notice of another run")
    assert not any("t0ken" in each.log.read_text() for each in (worker, later))


def _labels(url: str) -> list[tuple[str, dict[str, str]]]:
    return [(name, labels) for name, labels, _ in scrape(url).samples]
