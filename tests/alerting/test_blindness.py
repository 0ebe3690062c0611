"""When a worker tells that it does not see, by a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runwire.wire import Alert
from runwire_alerting.blindness import Blindness

SECOND = 1_000_000
DAWN = 1_800_000_000 * SECOND


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "blind.json"


def look(eyes: Blindness, reasons: dict[int, str], seconds: range) -> list[Alert]:
    """Have it look each second, with the reasons why not all is seen by the second from which on each holds."""
    found, reason = [], None
    for second in seconds:
        reason = reasons.get(second, reason)
        found.append(eyes.look(reason or None, DAWN + second * SECOND))
    return [alert for alert in found if alert is not None]


def test_blindness_that_lasts_is_told_once_with_its_reason_and_so_is_its_end(file: Path) -> None:
    """Nothing for 29 s; at 30 s it fires, whatever the reason is then; it is over when all is seen."""
    eyes = Blindness("worker-0", file, 30, DAWN)
    fired, over = look(eyes, {10: "Kafka is away", 39: "", 50: "Kafka is slow", 90: ""}, range(1, 100))
    assert (fired.state, fired.fired_at, fired.caused_at) == ("firing", DAWN + 79 * SECOND, DAWN + 49 * SECOND)
    assert (fired.rule, fired.severity, fired.run, fired.host) == ("blind", "critical", "", "worker-0")
    assert fired.title == "Alerting has not seen everything for 30 s"
    assert "Kafka is slow" in fired.text
    assert (over.state, over.resolved_at, over.episode) == ("resolved", DAWN + 90 * SECOND, 1)
    assert over.text.endswith("everything is in sight again.")
    assert fired.notice != over.notice


def test_how_long_it_has_been_blind_is_known_all_the_time(file: Path) -> None:
    """From the last look at which all was seen on; nothing while it sees."""
    eyes = Blindness("worker-0", file, 30, DAWN)
    look(eyes, {}, range(1, 10))
    assert eyes.seconds == 0
    look(eyes, {10: "it lags"}, range(10, 15))
    assert eyes.seconds == 5
    look(eyes, {15: ""}, range(15, 16))
    assert eyes.seconds == 0


def test_who_stood_still_was_blind(file: Path) -> None:
    """A process that wakes after a minute tells so, though at that moment nobody finds anything wrong with it."""
    eyes = Blindness("worker-0", file, 30, DAWN)
    assert look(eyes, {}, range(1, 5)) == []
    fired, over = look(eyes, {}, range(64, 68))
    assert (fired.caused_at, fired.state) == (DAWN + 4 * SECOND, "firing")
    assert "it stood still for 60 s" in fired.text
    assert over.resolved_at == DAWN + 65 * SECOND
    assert look(eyes, {}, range(72, 80)) == [], "eight seconds are no reason to call anybody"


def test_its_successor_tells_of_the_end_and_begins_another_episode(file: Path) -> None:
    """What was told, and who took it, is known to whoever goes on under its name; a file that is none is no reason."""
    [fired] = look(Blindness("worker-0", file, 30, DAWN), {1: "Kafka is away"}, range(1, 40))
    eyes = Blindness("worker-0", file, 30, DAWN + 50 * SECOND)
    assert eyes.alert == fired
    eyes.delivered(fired, "digest", DAWN + 51 * SECOND)
    eyes.delivered(replace(fired, episode=9), "other", DAWN + 51 * SECOND)
    again = Blindness("worker-0", file, 30, DAWN + 52 * SECOND)
    assert again.alert is not None
    assert again.alert.delivered_at == {"digest": DAWN + 51 * SECOND}
    over, anew = look(again, {60: "Kafka is away"}, range(53, 100))
    assert (over.notice, over.delivered_at) == (fired.notice.replace("firing", "resolved"), {})
    assert (anew.episode, anew.state) == (2, "firing")
    for bad in (b"no json", b"[]", b'{"id": 1}'):
        file.write_bytes(bad)
        assert Blindness("worker-0", file, 30, DAWN).alert is None
