"""The rule for processes of which nothing is heard any more."""

from __future__ import annotations

from timeline import Timeline, event, micros, pulse


def test_a_run_that_falls_silent_is_missed_after_a_minute_and_resolves_when_heard() -> None:
    """Fires when no pulse has arrived for over 60 s; a late pulse resolves it."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 200)
    line.live(200, 210)
    assert line.said == [("heartbeat", "firing", 1), ("heartbeat", "resolved", 1)]
    assert line.alerts[0].fired_at == micros(91)
    assert line.alerts[0].caused_at == micros(30)


def test_nobody_is_missed_while_the_reader_lags_nor_soon_after() -> None:
    """Out of sight for ten minutes: nothing fires then, nor before a minute of sight without a pulse."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 600, seen=None)
    line.silence(600, 660, seen=600)
    assert line.alerts == []
    line.silence(660, 670, seen=600)
    assert line.said == [("heartbeat", "firing", 1)]


def test_a_reader_that_was_away_gives_every_run_a_minute() -> None:
    """What a restarted worker reads of long ago arrived just now: a run that lives has time to say so."""
    line = Timeline()
    line.read(1000, *(pulse(second) for second in range(1, 31)))
    line.silence(1000, 1060, seen=1000)
    assert line.alerts == []
    line.silence(1060, 1070, seen=1000)
    assert line.said == [("heartbeat", "firing", 1)]


def test_a_restart_neither_repeats_nor_forgets_who_is_missed() -> None:
    """After a restart the alert still stands: the same last pulse does not fire anew, a later one resolves."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 100)
    line.restart()
    line.read(200, pulse(30))
    line.silence(200, 300, seen=200)
    assert line.said == [("heartbeat", "firing", 1)]
    line.read(300, pulse(299))
    line.tick(300, seen=200)
    assert line.said[1:] == [("heartbeat", "resolved", 1)]


def test_a_finished_run_is_not_missed() -> None:
    """A finish event, or a last pulse, ends a run; either is enough."""
    line = Timeline()
    line.read(1, pulse(1, run="a"), pulse(1, run="b"))
    line.read(2, event(2, "finish", run="a", exit_code=0), pulse(2, run="b", alive=False, ended="finished"))
    line.silence(2, 1000)
    assert line.alerts == []


def test_a_lost_host_is_one_alert_for_its_ranks() -> None:
    """Eight ranks of one host that fall silent together are one incident."""
    line = Timeline()
    line.read(1, *(pulse(1, rank=rank) for rank in range(8)))
    line.silence(2, 1000)
    assert [(alert.rule, alert.rank) for alert in line.alerts] == [("heartbeat", 0)]


def test_a_missed_run_that_is_found_killed_is_a_crash() -> None:
    """When the host comes back and its shipper tells of the death, the silence is explained and resolved."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 100)
    line.restart()
    line.read(5000, event(5000, "lost"))
    line.tick(5001, seen=4000)
    assert line.said == [("heartbeat", "firing", 1), ("crash", "firing", 1), ("heartbeat", "resolved", 1)]


def test_a_silence_that_was_told_is_not_told_again_from_old_pulses() -> None:
    """A restarted worker that has not read the pulse yet which ended a silence does not take it for a new one."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 100)
    line.live(100, 101)
    line.restart()
    line.read(101, pulse(30))
    line.silence(101, 200, seen=101)
    assert line.said == [("heartbeat", "firing", 1), ("heartbeat", "resolved", 1)]


def test_a_last_pulse_of_two_parts_ends_the_run() -> None:
    """A pulse with very many metrics comes in parts, of which only the last says that the run ended."""
    line = Timeline()
    line.read(1, pulse(1), pulse(1, alive=False, ended="finished"))
    line.silence(1, 1000)
    assert line.alerts == []
