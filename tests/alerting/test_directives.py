"""What people tell alerting, between a real Kafka and real HTTP receivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from parts import until
from receiver import Receiver
from workers import SECOND, Host, Start, now, published, records

from runwire.wire import CONTROL, DIRECTIVES, EVENTS, Acknowledgement, Event, RuleSet, Silence, StopRequest
from runwire.wire.directives import Directive
from runwire_alerting import rulesfile
from runwire_server import directives

Listen = Callable[..., Receiver]
#: These runs say a word now and then, which is no silence to be told of.
PATIENT = {"RUNWIRE_ALERT_HEARTBEAT_AFTER": "3600"}


@pytest.fixture
def direct(kafka: str) -> Iterator[Callable[[Directive], None]]:
    """Publishes directives; afterwards the rules are again those that are on without a file, for other tests' sake."""
    yield lambda directive: directives.publish(kafka, directive)
    directives.publish(kafka, RuleSet([], "test", time.time_ns() // 1000))


def ruleset(text: str) -> RuleSet:
    return RuleSet([one.wire() for one in rulesfile.read(text, "-")], "test", time.time_ns() // 1000)


def test_rules_that_are_applied_hold_at_once_and_after_a_restart(
    start: Start,
    listen: Listen,
    host: Host,
    run: str,
    direct: Callable[[Directive], None],
) -> None:
    """A rule about one run's metrics is taken over by a running worker, and known to one that starts; what cannot be
    read of a directive stops nothing.
    """
    hook = listen()
    worker = start(hook.url, **PATIENT)
    host.send(DIRECTIVES, "rules", b"no json")
    direct(ruleset(f"rules: [{{name: mine, kind: nonfinite, severity: info, where: {{run: '{run}*', metric: acc}}}}]"))
    until(lambda: "mine" in worker.log.read_text(), "taken over")
    nan = host.pulse_of(run, nan=True).metrics["train/loss"]
    host.pulse(run, metrics={"acc": nan})
    until(lambda: hook.of(run), "notice")
    worker.kill()
    start(hook.url, **PATIENT)
    host.pulse(f"{run}-2", metrics={"acc": nan})
    until(lambda: hook.of(f"{run}-2"), "notice after the restart")
    told = hook.of(run)[0][1]
    assert (told["rule"], told["metric"]) == ("mine", "acc")


def test_a_silenced_alert_is_told_when_the_silence_ends_whoever_watches_then(
    kafka: str,
    start: Start,
    listen: Listen,
    run: str,
    direct: Callable[[Directive], None],
) -> None:
    """Recorded as silenced and told to nobody; the worker is killed, the silence ended, and the next one tells."""
    hook, node = listen(), Host(kafka)
    worker = start(hook.url, **PATIENT)
    direct(Silence(run, {"run": run}, now() + 3600 * SECOND, "ann", now()))
    node.pulse(f"{run}-other", nan=True)
    until(lambda: hook.of(f"{run}-other"), "another run's notice")
    node.pulse(run, nan=True)
    until(lambda: published(kafka, run), "recorded")
    assert published(kafka, run)[-1].standing == "silenced"
    worker.kill()
    direct(Silence(run, {"run": run}, now(), "ann", now()))
    start(hook.url, **PATIENT)
    until(lambda: hook.of(run), "notice")
    node.producer.close()
    assert [told["state"] for _, told in hook.of(run)] == ["firing"]


def test_an_acknowledgement_is_recorded_and_known_to_the_next_worker(
    kafka: str,
    start: Start,
    listen: Listen,
    run: str,
    direct: Callable[[Directive], None],
) -> None:
    """Who sees to it stands in the record, also where that was said while nobody watched; its end is told."""
    hook, node = listen(), Host(kafka)
    worker = start(hook.url, **PATIENT)
    node.pulse(run, nan=True)
    until(lambda: published(kafka, run) and published(kafka, run)[-1].delivered_at, "notice, recorded")
    worker.kill()
    [alert] = {one.id for one in published(kafka, run)}
    direct(Acknowledgement(alert, 1, "ann", now()))
    start(hook.url, **PATIENT)
    until(lambda: published(kafka, run)[-1].acknowledged_by == "ann", "acknowledged")
    node.attempt += 100
    node.pulse(run)
    until(lambda: len(hook.of(run)) == 2, "its end")
    node.producer.close()
    assert [told["state"] for _, told in hook.of(run)] == ["firing", "resolved"]


def test_a_rule_stops_and_tags_its_run_and_calls_a_webhook_of_its_own(
    kafka: str,
    start: Start,
    listen: Listen,
    run: str,
    direct: Callable[[Directive], None],
) -> None:
    """Once each, besides the notice to the receivers of all; what another rule finds is not told to that webhook."""
    hook, called, node = listen(), listen(), Host(kafka)
    worker = start(hook.url, **PATIENT)
    actions = f"[stop, {{tag: nan}}, {{webhook: '{called.url}'}}]"
    direct(ruleset(f"rules: [{{name: nonfinite, where: {{run: '{run}'}}, actions: {actions}}}]"))
    until(lambda: "event=rules" in worker.log.read_text(), "taken over")
    node.event(run, "start", place=1)
    node.pulse(run, nan=True)
    until(lambda: called.of(run) and hook.of(run), "both told")
    node.event(run, "alert", place=2, title="look")
    until(lambda: len(hook.of(run)) == 2, "what the run says")
    node.producer.close()
    [asked] = [StopRequest.parse(record.value) for record in records(kafka, CONTROL) if record.key == run.encode()]
    events = [Event.parse(record.value) for record in records(kafka, EVENTS) if record.key == run.encode()]
    [tagged] = [event for event in events if event.type == "tags"]
    assert (asked.by, tagged.data["tags"]) == ("alert nonfinite", ["nan"])
    assert [told["rule"] for _, told in called.of(run)] == ["nonfinite"]
