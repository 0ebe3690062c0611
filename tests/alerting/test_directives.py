"""What people tell alerting, between a real Kafka and real HTTP receivers; and what it forgets in its topics."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import pytest
from parts import until
from receiver import Receiver
from workers import SECOND, Host, Start, Worker, now, published, records

from runwire.wire import (
    ALERTS,
    CONTROL,
    DIRECTIVES,
    EVENTS,
    Acknowledgement,
    Alert,
    Event,
    RuleSet,
    Silence,
    StopRequest,
)  # fmt: skip
from runwire.wire.directives import Directive
from runwire_alerting import rulesfile
from runwire_server import directives

DAY = 86_400 * SECOND


@dataclass(frozen=True)
class Scene:
    """A run of the test's own, its host, somebody who directs, and whoever watches and listens."""

    kafka: str
    run: str
    host: Host
    launch: Start
    listen: Callable[..., Receiver]

    def start(self, *webhooks: str) -> Worker:
        """Start a worker; these runs say a word now and then, which is no silence to be told of."""
        return self.launch(*webhooks, RUNWIRE_ALERT_HEARTBEAT_AFTER="3600")

    def direct(self, directive: Directive) -> None:
        directives.publish(self.kafka, directive)

    def silence(self, until_: int) -> None:
        self.direct(Silence(self.run, {"run": self.run}, until_, "ann", now()))

    @property
    def last(self) -> Alert:
        return published(self.kafka, self.run)[-1]


@pytest.fixture
def scene(
    kafka: str,
    run: str,
    host: Host,
    start: Start,
    listen: Callable[..., Receiver],
) -> Iterator[Scene]:
    """Afterwards the rules are again those that are on without a file, for other tests' sake."""
    yield Scene(kafka, run, host, start, listen)
    directives.publish(kafka, RuleSet([], "test", time.time_ns() // 1000))


def ruleset(text: str) -> RuleSet:
    return RuleSet([one.wire() for one in rulesfile.read(text, "-")], "test", time.time_ns() // 1000)


def states(hook: Receiver, run_: str) -> list[str]:
    return [told["state"] for _, told in hook.of(run_)]


def test_rules_that_are_applied_hold_at_once_and_after_a_restart(scene: Scene) -> None:
    """A rule about one run's metrics is taken over by a running worker, and known to one that starts; what cannot be
    read of a directive stops nothing.
    """
    hook, watched = scene.listen(), scene.run
    worker = scene.start(hook.url)
    scene.host.send(DIRECTIVES, "rules", b"no json")
    where = f"{{run: '{watched}*', metric: acc}}"
    scene.direct(ruleset(f"rules: [{{name: mine, kind: nonfinite, severity: info, where: {where}}}]"))
    until(lambda: "mine" in worker.log.read_text(), "taken over")
    nan = scene.host.pulse_of(watched, nan=True).metrics["train/loss"]
    scene.host.pulse(watched, metrics={"acc": nan})
    until(lambda: hook.of(watched), "notice")
    worker.kill()
    scene.start(hook.url)
    scene.host.pulse(f"{watched}-2", metrics={"acc": nan})
    until(lambda: hook.of(f"{watched}-2"), "notice after the restart")
    told = hook.of(watched)[0][1]
    assert (told["rule"], told["kind"], told["metric"], told["action"]) == ("mine", "nonfinite", "acc", "roll_back")


def test_a_config_that_is_gigabytes_when_flat_is_cut_and_rules_go_by_all_else_of_it(scene: Scene) -> None:
    """A start of a megabyte with one key of 500 kB that holds tens of thousands of values, and a list that is nested
    deeper than Python shows. The worker may take a gigabyte for it.
    """
    hook = scene.listen()
    worker = scene.start(hook.url)
    config = "{lr: '> 0', deep.a: '*…*'}"
    scene.direct(
        ruleset(
            f"""rules:
            - {{name: mine, kind: nonfinite, where: {{run: {scene.run}, tags: odd, config: {config}}}}}
            - {{name: not_mine, kind: nonfinite, where: {{run: {scene.run}, config: {{deep.a: '*1*'}}}}}}"""
        )
    )
    until(lambda: "not_mine" in worker.log.read_text(), "taken over")
    process = psutil.Process(worker.process.pid)
    bytes_max = process.memory_info().vms + (1 << 30)
    process.rlimit(psutil.RLIMIT_AS, (bytes_max, bytes_max))
    many = b",".join(b'"%x":1' % number for number in range(50_000))
    odd = b'{"lr":0.1,"odd":{"%b":{%b}},"deep":{"a":%b1%b}}' % (b"k" * 500_000, many, b"[" * 900, b"]" * 900)
    start = b'{"v":1,"type":"start","run":"%b","rank":0,"seq":%d,"ts":1,"data":{"tags":["odd"],"config":%b}}'
    scene.host.send(EVENTS, scene.run, start % (scene.run.encode(), (scene.host.attempt << 32) + 1, odd))

    def told() -> set[str]:
        scene.host.pulse(scene.run, nan=True)  # again and again: events are read beside pulses, not before them
        return {body["rule"] for _, body in hook.of(scene.run)}

    until(lambda: "mine" in told(), "what else the config says is known")
    assert "not_mine" not in told()


def test_a_silenced_alert_is_told_when_the_silence_ends_whoever_watches_then(scene: Scene) -> None:
    """Recorded as silenced and told to nobody; the worker is killed, the silence ended, and the next one tells."""
    hook = scene.listen()
    worker = scene.start(hook.url)
    scene.silence(now() + 3600 * SECOND)
    scene.host.pulse(f"{scene.run}-other", nan=True)
    until(lambda: hook.of(f"{scene.run}-other"), "another run's notice")
    scene.host.pulse(scene.run, nan=True)
    until(lambda: published(scene.kafka, scene.run), "recorded")
    assert scene.last.standing == "silenced"
    worker.kill()
    scene.silence(now())
    scene.start(hook.url)
    until(lambda: hook.of(scene.run), "notice")
    assert states(hook, scene.run) == ["firing"]


def test_an_acknowledgement_is_recorded_and_known_to_the_next_worker(scene: Scene) -> None:
    """Who sees to it stands in the record, also where that was said while nobody watched; its end is told."""
    hook = scene.listen()
    worker = scene.start(hook.url)
    scene.host.pulse(scene.run, nan=True)
    until(lambda: published(scene.kafka, scene.run) and scene.last.delivered_at, "notice, recorded")
    worker.kill()
    scene.direct(Acknowledgement(scene.last.id, 1, "ann", now()))
    scene.start(hook.url)
    until(lambda: scene.last.acknowledged_by == "ann", "acknowledged")
    scene.host.attempt += 100
    scene.host.pulse(scene.run)
    until(lambda: len(hook.of(scene.run)) == 2, "its end")
    assert states(hook, scene.run) == ["firing", "resolved"]


def test_a_rule_stops_and_tags_its_run_and_calls_a_webhook_of_its_own(scene: Scene) -> None:
    """Once each, besides the notice to the receivers of all; what another rule finds is not told to that webhook."""
    hook, called = scene.listen(), scene.listen()
    worker = scene.start(hook.url)
    actions = f"[stop, {{tag: nan}}, {{webhook: '{called.url}'}}]"
    scene.direct(ruleset(f"rules: [{{name: nonfinite, where: {{run: '{scene.run}'}}, actions: {actions}}}]"))
    until(lambda: "event=rules" in worker.log.read_text(), "taken over")
    scene.host.event(scene.run, "start", place=1)
    scene.host.pulse(scene.run, nan=True)
    until(lambda: called.of(scene.run) and hook.of(scene.run), "both told")
    scene.host.event(scene.run, "alert", place=2, title="look")
    until(lambda: len(hook.of(scene.run)) == 2, "what the run says")
    mine = scene.run.encode()
    [asked] = [StopRequest.parse(record.value) for record in records(scene.kafka, CONTROL) if record.key == mine]
    events = [Event.parse(record.value) for record in records(scene.kafka, EVENTS) if record.key == mine]
    [tagged] = [event for event in events if event.type == "tags"]
    assert (asked.by, tagged.data["tags"]) == ("alert nonfinite", ["nan"])
    assert [told["rule"] for _, told in called.of(scene.run)] == ["nonfinite"]


def test_what_is_old_leaves_the_topics_and_its_end_is_told_to_nobody(scene: Scene) -> None:
    """An alert that has been over for weeks, one that stands as long, an acknowledgement and a silence: the first and
    the last two get empty records, the alert in each partition; the second is closed. A worker that starts then minds
    none of it.
    """
    old = now() - 20 * DAY
    about = {"severity": "critical", "run": scene.run, "project": "digits", "name": "bold-mlp", "host": "n"}
    alert = {**about, "episode": 1, "rule": "crash", "title": "t", "text": "t", "fired_at": old, "told_at": old}
    over = Alert(id=f"{scene.run}-over", state="resolved", version=2, resolved_at=old, **alert)  # type: ignore[arg-type]
    stands = Alert(id=f"{scene.run}-stands", state="firing", version=1, rank=1, **alert)  # type: ignore[arg-type]
    for one in (over, stands):
        scene.host.send(ALERTS, one.id, one.encode())
    scene.direct(Acknowledgement(over.id, 1, "ann", old))
    scene.direct(Silence(scene.run, {"run": scene.run}, old, "ann", old))
    hook = scene.listen()
    worker = scene.start(hook.url)

    def emptied(topic: str, key: str) -> int:
        found = [record for record in records(scene.kafka, topic) if record.key == key.encode()]
        return len({record.partition for record in found if record.value is None})

    until(lambda: emptied(ALERTS, over.id) == 4, "the alert's empty records")
    until(lambda: emptied(DIRECTIVES, f"ack/{over.id}") == 1, "the acknowledgement's")
    until(lambda: emptied(DIRECTIVES, f"silence/{scene.run}") == 1, "the silence's")
    values = [record.value for record in records(scene.kafka, ALERTS) if record.key == stands.id.encode()]
    closed = Alert.parse(values[-1])
    assert (closed.state, closed.told_at, closed.text) == (
        "resolved",
        old,
        "t\nResolved: nothing has come of it for 15 days.",
    )
    worker.kill()
    following = scene.start(hook.url)
    scene.host.pulse(f"{scene.run}-other", nan=True)
    until(lambda: hook.of(f"{scene.run}-other"), "another run's notice")
    assert hook.of(scene.run) == []
    assert not re.search(r"unreadable.*(empty|runwire\.alerts)", following.log.read_text())
    assert directives.silences(scene.kafka, 0) == [
        one for one in directives.silences(scene.kafka, 0) if one.id != scene.run
    ]
