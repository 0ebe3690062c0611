"""What people tell alerting, between a real Kafka and real HTTP receivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from parts import until
from receiver import Receiver
from test_worker import Host, Start, folder, host, listen, run, start  # noqa: F401 -- fixtures

from runwire.wire import DIRECTIVES, RuleSet
from runwire.wire.directives import Directive
from runwire_alerting import rulesfile
from runwire_server import directives

Listen = Callable[..., Receiver]


@pytest.fixture
def direct(kafka: str) -> Iterator[Callable[[Directive], None]]:
    """Publishes directives; afterwards the rules are again those that are on without a file, for other tests' sake."""
    yield lambda directive: directives.publish(kafka, directive)
    directives.publish(kafka, RuleSet([], "test", time.time_ns() // 1000))


def ruleset(text: str) -> RuleSet:
    return RuleSet([one.wire() for one in rulesfile.read(text, "-")], "test", time.time_ns() // 1000)


def test_rules_that_are_applied_hold_at_once_and_after_a_restart(
    start: Start,  # noqa: F811
    listen: Listen,  # noqa: F811
    host: Host,  # noqa: F811
    run: str,  # noqa: F811
    direct: Callable[[Directive], None],
) -> None:
    """A rule about one run's metrics is taken over by a running worker, and known to one that starts; what cannot be
    read of a directive stops nothing.
    """
    hook = listen()
    worker = start(hook.url)
    host.send(DIRECTIVES, "rules", b"no json")
    direct(ruleset(f"rules: [{{name: mine, kind: nonfinite, severity: info, where: {{run: '{run}*', metric: acc}}}}]"))
    until(lambda: "mine" in worker.log.read_text(), "taken over")
    nan = host.pulse_of(run, nan=True).metrics["train/loss"]
    host.pulse(run, metrics={"acc": nan})
    until(lambda: hook.of(run), "notice")
    worker.kill()
    start(hook.url)
    host.pulse(f"{run}-2", metrics={"acc": nan})
    until(lambda: hook.of(f"{run}-2"), "notice after the restart")
    [(_, told)] = hook.of(run)
    assert (told["rule"], told["metric"]) == ("mine", "acc")
