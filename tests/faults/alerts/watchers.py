"""Those who watch: `up`'s alerting, a second worker that comes and goes, and the webhook; and what befalls them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from parts import Pipeline, own, running
from receiver import Receiver, listening

from faults.alerts.plan import Fault, Story
from faults.cluster import Course, Programs
from runwire_alerting.notifiers import signature

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBmYXVsdCByb3VuZHMgb2YgYWxlcnRpbmc="
#: So long a notice waits for an answer.
TIMEOUT_SECONDS = 2.0
_FILE = """
notifiers:
  hook: {{url: "{url}", secret: "${{HOOK_SECRET}}", timeout: {timeout}}}
"""
_TRAINER = Path(__file__).with_name("trainer.py")
_TESTS = Path(__file__).parents[2]
_POLL_SECONDS = 0.1
#: What an exception, and SIGKILL, leave as exit codes.
_CODES = {"raises": 1, "killed": -signal.SIGKILL}
#: A webhook that fails is to fail somebody; so long it waits for that.
_MET_SECONDS = 20.0
#: Beside `up`'s own.
_WORKERS_MAX = 1


class Watchers(Programs):
    """``runwire up``, workers of alerting beside it, and the webhook that they tell.

    Attributes:
        hook: the webhook.
        wrong: what went wrong besides what was to, in words.
    """

    worker = "runwire_alerting"

    def __init__(self, up: Pipeline, folder: Path, hook: Receiver, environment: dict[str, str]) -> None:
        super().__init__(up, folder)
        self.hook = hook
        self.wrong: list[str] = []
        self._told = environment

    def _environment(self) -> dict[str, str]:
        return self._told

    def train(self, story: Story) -> Course:
        """Have a run go through what its story says."""
        path = os.pathsep.join([str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "RUNWIRE_HOME": str(self.up.home), "PYTHONPATH": path}
        # A few processes a second are to take little.
        environment |= {f"RUNWIRE_{name}": "false" for name in ("CODE", "PACKAGES", "MACHINE", "CONSOLE")}
        environment |= {"RUNWIRE_SYSTEM_INTERVAL": "0", "RUNWIRE_FINISH_TIMEOUT": "60"}
        for does in story.attempts:
            command = [sys.executable, str(_TRAINER), story.run, does, str(story.messages)]
            with (self.folder / "trainings.log").open("ab") as log:
                process = own(command, env=environment, stdout=log, stderr=log)
            try:
                while (code := process.poll()) is None:
                    yield _POLL_SECONDS
            finally:
                process.kill()
                process.wait()
            if code != _CODES.get(does, 0):
                self.wrong.append(f"{story.run} ({does}) ended with {code}")
            yield story.pause
        return True

    def suffer(self, fault: Fault) -> Course:
        """Return the course of a fault; it returns whether the fault came to pass."""
        return _KINDS[fault.kind](self, fault)


def _kill_alerting(its: Watchers, _: Fault) -> Course:
    return its.signal((yield from its.ready("alerting")), signal.SIGKILL)


def _freeze_alerting(its: Watchers, fault: Fault) -> Course:
    return (yield from its.freeze((yield from its.ready("alerting")), fault.seconds))


def _add_worker(its: Watchers, _: Fault) -> Course:
    yield from ()
    if len(its.workers()) >= _WORKERS_MAX:
        return False
    its.add_worker()
    return True


def _stop_worker(its: Watchers, _: Fault) -> Course:
    yield from ()
    return sum(its.signal(pid, signal.SIGTERM) for pid in its.workers()) > 0


def _kill_worker(its: Watchers, _: Fault) -> Course:
    yield from ()
    return sum(its.signal(pid, signal.SIGKILL) for pid in its.workers()) > 0


def _freeze_worker(its: Watchers, fault: Fault) -> Course:
    return (yield from its.freeze(next(iter(its.workers()), None), fault.seconds))


def _refuse(its: Watchers, fault: Fault) -> Course:
    its.hook.otherwise = 500
    try:
        met = yield from _met(its)
        yield fault.seconds
    finally:
        its.hook.otherwise = 200
    return met


def _hang(its: Watchers, fault: Fault) -> Course:
    """What comes meanwhile is taken at its end: whoever sent it has given up on it, and sends it again."""
    its.hook.hang()
    try:
        met = yield from _met(its)
        yield fault.seconds + TIMEOUT_SECONDS
    finally:
        its.hook.go_on()
    return met


def _met(its: Watchers) -> Generator[float, None, bool]:
    """Wait until the webhook is asked, for as long as that may take; return whether it was."""
    asked, end = len(its.hook.requests), time.monotonic() + _MET_SECONDS
    while len(its.hook.requests) == asked and time.monotonic() < end:
        yield _POLL_SECONDS
    return len(its.hook.requests) > asked


_KINDS: dict[str, Callable[[Watchers, Fault], Course]] = {
    "kill alerting": _kill_alerting,
    "freeze alerting": _freeze_alerting,
    "add worker": _add_worker,
    "stop worker": _stop_worker,
    "kill worker": _kill_worker,
    "freeze worker": _freeze_worker,
    "webhook answers 500": _refuse,
    "webhook hangs": _hang,
}


def signed(headers: dict[str, str], body: bytes) -> bool:
    """Return whether a request is signed by the secret, for the key under which it came."""
    told = {name.lower(): value for name, value in headers.items()}
    at = int(told.get("webhook-timestamp", "0"))
    expected = signature.headers([signature.key(SECRET)], told.get("idempotency-key", ""), at, body)
    return expected.items() <= told.items()


@contextmanager
def started(where: Path) -> Iterator[Watchers]:
    """Watchers in a folder, ready; all of it is gone afterwards, but for the folder."""
    where.mkdir(parents=True, exist_ok=True)
    with listening(Receiver()) as hook:
        file = where / "alerts.yaml"
        file.write_text(_FILE.format(url=hook.url, timeout=TIMEOUT_SECONDS))
        environment = {"RUNWIRE_ALERT_FILE": str(file), "HOOK_SECRET": SECRET}
        with running(where / "home", env=environment) as up:
            its = Watchers(up, where, hook, environment)
            try:
                yield its
            finally:
                its.close()
