"""`runwire alerts test-route`, and a worker that goes by a file of notifiers and routes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiver import Receiver, listening

from runwire_server.local import ports

PATIENCE = 60.0


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with listening(Receiver()) as made:
        yield made


def runwire(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The ``runwire`` command, run to its end."""
    command = [sys.executable, "-m", "runwire", "alerts", "test-route", *argv]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **env}, timeout=PATIENCE
    )


@pytest.fixture
def file(tmp_path: Path, hook: Receiver) -> Path:
    """Declares a webhook, a service by Apprise, and one that nobody listens at, and routes to them."""
    address = hook.url.removeprefix("http://").removesuffix("/hook")
    made = tmp_path / "alerts.yaml"
    made.write_text(
        f"""
notifiers:
  hook: {{url: "http://user:pa55word@{address}/t0ken"}}
  chat: {{url: "${{CHAT}}"}}
  gone: {{url: "json://user:pa55word@127.0.0.1:{ports.free()}/t0ken"}}
routes:
  - {{name: nights, to: [hook, gone], severity: critical}}
  - {{name: nobody, to: [], severity: info}}
  - to: [chat]
"""
    )
    return made


def test_a_route_is_tried_out_and_what_came_back_is_told_without_secrets(file: Path, hook: Receiver) -> None:
    """One takes the notice and one is not there: both are told, and the exit code says that one did not get it."""
    chat = hook.url.replace("http://", "json://user:pa55word@").replace("/hook", "/t0ken")
    done = runwire("nights", "--file", str(file), "--json", CHAT=chat)
    assert done.returncode == 1, done.stderr
    answers = json.loads(done.stdout)
    assert answers[0] == {"notifier": "hook", "taken": True, "answer": "answered with status 200"}
    assert (answers[1]["notifier"], answers[1]["taken"]) == ("gone", False)
    assert "Connection error" in answers[1]["answer"]
    [(_, body)] = hook.taken
    assert body["title"] == "Test of nights: nothing is wrong"
    assert not any(word in done.stdout + done.stderr for word in ("pa55word", "t0ken"))


def test_a_notifier_is_tried_out_by_its_own_name(file: Path, hook: Receiver) -> None:
    """The file is that of the environment; a second trial is no repetition of the first."""
    hook.statuses[""] = [200, 403]
    chat = hook.url.replace("http://", "json://user:pa55word@").replace("/hook", "/t0ken")
    first, second = (runwire("chat", RUNWIRE_ALERT_FILE=str(file), CHAT=chat) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, "chat: taken, sent\n")
    assert second.returncode == 1
    assert second.stdout.startswith("chat: not taken, Failed to send JSON POST notification")
    assert "error=403" in second.stdout


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("nights",), 2, "error: which file declares it? Give --file FILE or set RUNWIRE_ALERT_FILE\n"),
        (("days", "--file", "FILE"), 2,
         "error: there is no route or notifier 'days': there are nights, nobody, hook, chat, gone\n"),
        (("nights", "--file", "/nowhere"), 2, "error: /nowhere cannot be read: No such file or directory\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_said_in_one_sentence(file: Path, argv: tuple[str, ...], code: int, said: str) -> None:
    """No file, no such route, no such file: exit code 2, a sentence, no traceback."""
    done = runwire(*(str(file) if word == "FILE" else word for word in argv), CHAT="json://127.0.0.1")
    assert (done.returncode, done.stderr) == (code, said)


def test_a_route_to_nobody_says_so(file: Path) -> None:
    """It leads nowhere, on purpose."""
    done = runwire("nobody", "--file", str(file), CHAT="json://127.0.0.1")
    assert (done.returncode, done.stdout) == (0, "nobody leads to nobody\n")
