"""The rule for processes of which nothing is heard any more."""

from __future__ import annotations

from timeline import Timeline, event, micros, pulse, told

from runwire.wire import PULSE, Pulse
from runwire_alerting.sight import Place, Sight

PLACE: Place = (PULSE, 0)


def test_a_run_that_falls_silent_is_missed_after_a_minute_and_resolves_when_heard() -> None:
    """Fires when no pulse has arrived for over 60 s; a late pulse resolves it."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 200)
    line.live(200, 210)
    assert line.said == [("host_lost", "firing", 1), ("host_lost", "resolved", 1)]
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
    assert line.said == [("host_lost", "firing", 1)]


def test_a_minutes_lag_that_is_caught_up_at_once_makes_no_run_lost_that_lives_and_misses_none_that_is() -> None:
    """What a lag kept waiting is read before anybody is missed: who spoke meanwhile has a minute from then on, and who
    fell silent before it is missed as soon as that is certain, each once.
    """
    line, sight = Timeline(), Sight({PLACE: 0}, micros(0))
    last, lag = {"lives": 400, "before": 90, "during": 110}, range(100, 160)
    kept: list[Pulse] = []
    end = 0
    for second in range(1, 400):
        kept += [pulse(second, run=run, host=f"node-{run}") for run, until in last.items() if second <= until]
        end += sum(second <= until for until in last.values())
        if second not in lag:
            line.read(second, *kept)
            kept.clear()
            sight.handled(*PLACE, end - 1, micros(second))
        line.alerts += line.watch.tick(micros(second), sight.look({PLACE: end}, micros(second)))
    assert [(alert.run, alert.state, alert.fired_at) for alert in told(line.alerts)] == [
        ("before", "firing", micros(160)), ("during", "firing", micros(221)),
    ]  # fmt: skip


def test_a_reader_that_was_away_gives_every_run_a_minute() -> None:
    """What a restarted worker reads of long ago arrived just now: a run that lives has time to say so."""
    line = Timeline()
    line.read(1000, *(pulse(second) for second in range(1, 31)))
    line.silence(1000, 1060, seen=1000)
    assert line.alerts == []
    line.silence(1060, 1070, seen=1000)
    assert line.said == [("host_lost", "firing", 1)]


def test_a_restart_neither_repeats_nor_forgets_who_is_missed() -> None:
    """After a restart the alert still stands: the same last pulse does not fire anew, a later one resolves."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 100)
    line.restart()
    line.read(200, pulse(30))
    line.silence(200, 300, seen=200)
    assert line.said == [("host_lost", "firing", 1)]
    line.read(300, pulse(299))
    line.tick(300, seen=200)
    assert line.said[1:] == [("host_lost", "resolved", 1)]


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
    assert [(alert.rule, alert.rank) for alert in line.alerts] == [("host_lost", 0)]


def test_a_missed_run_that_is_found_killed_is_a_crash() -> None:
    """When the host comes back and its shipper tells of the death, the silence is explained and resolved."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 100)
    line.restart()
    line.read(5000, event(5000, "lost"))
    line.tick(5001, seen=4000)
    assert line.said == [("host_lost", "firing", 1), ("crash", "firing", 1), ("host_lost", "resolved", 1)]


def test_a_silence_that_was_told_is_not_told_again_from_old_pulses() -> None:
    """A restarted worker that has not read the pulse yet which ended a silence does not take it for a new one."""
    line = Timeline()
    line.live(1, 31)
    line.silence(31, 100)
    line.live(100, 101)
    line.restart()
    line.read(101, pulse(30))
    line.silence(101, 200, seen=101)
    assert line.said == [("host_lost", "firing", 1), ("host_lost", "resolved", 1)]


def test_a_last_pulse_of_two_parts_ends_the_run() -> None:
    """A pulse with very many metrics comes in parts, of which only the last says that the run ended."""
    line = Timeline()
    line.read(1, pulse(1), pulse(1, alive=False, ended="finished"))
    line.silence(1, 1000)
    assert line.alerts == []


def _two_hosts(line: Timeline, begin: int, end: int, *, dead: tuple[str, ...] = ()) -> None:
    """Let a run of four ranks on two hosts live; of the dead hosts nothing comes."""
    for second in range(begin, end):
        pulses = [pulse(second, rank=rank, host=f"node-{rank // 2}") for rank in range(4)]
        line.read(second, *(one for one in pulses if one.host not in dead))
        line.tick(second)


def test_a_host_that_falls_silent_while_others_live_is_named_with_its_ranks() -> None:
    """Two ranks of node-1 are silent: one alert that names both and their host; resolved when they are heard."""
    line = Timeline()
    _two_hosts(line, 1, 10)
    _two_hosts(line, 10, 100, dead=("node-1",))
    [alert] = line.alerts
    assert (alert.rule, alert.rank, alert.host) == ("host_lost", 2, "node-1")
    assert alert.title == "bold-mlp has lost its host node-1"
    assert "Silent with it: ranks 2-3 on node-1." in alert.text
    _two_hosts(line, 100, 110)
    assert line.said[1:] == [("host_lost", "resolved", 1)]


def test_hosts_that_all_fall_silent_are_unreachable_and_not_called_lost() -> None:
    """Whether a whole site is gone or its way to Kafka cannot be told from here, and is not claimed."""
    line = Timeline()
    _two_hosts(line, 1, 10)
    _two_hosts(line, 10, 100, dead=("node-0", "node-1"))
    [alert] = line.alerts
    assert alert.title == "bold-mlp is unreachable"
    assert "Silent with it: ranks 0-3 on node-0, node-1." in alert.text


def test_another_runs_host_tells_a_lost_host_from_a_lost_site() -> None:
    """A run alone on its host is lost with it if other runs' hosts are heard."""
    line = Timeline()
    for second in range(1, 100):
        line.read(second, pulse(second, run="other", host="node-2"), *([pulse(second)] if second < 10 else []))
        line.tick(second)
    assert [(alert.run, alert.title) for alert in line.alerts] == [("run", "bold-mlp has lost its host node-1")]


def test_a_silent_run_on_a_host_that_is_heard_is_missed_without_blaming_the_host() -> None:
    """Another run's pulses come from the very host."""
    line = Timeline()
    for second in range(1, 100):
        line.read(second, pulse(second, run="other"), *([pulse(second)] if second < 10 else []))
        line.tick(second)
    assert [(alert.run, alert.title) for alert in line.alerts] == [("run", "bold-mlp is not heard of any more")]


def test_a_host_whose_clock_is_wrong_is_judged_by_when_its_pulses_arrive() -> None:
    """Hours ahead or behind, it is missed a minute after its last pulse arrived."""
    for skew in (-7200, 7200):
        line = Timeline()
        for second in range(1, 30):
            line.read(second, pulse(second + skew, attempt=-9000))
            line.tick(second)
        line.silence(30, 120)
        assert [(alert.rule, alert.fired_at) for alert in line.alerts] == [("host_lost", micros(90))]
