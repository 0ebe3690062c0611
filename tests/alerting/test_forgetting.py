"""The bound of what alerting keeps: what is over leaves, and so does what stands about runs that are heard no more."""

from __future__ import annotations

from timeline import Timeline, event, micros, nan_loss, pulse, told

from runwire.wire import Acknowledgement, Alert, Silence
from runwire_alerting import rulesfile
from runwire_alerting.policy import KEPT_DAYS
from runwire_alerting.said import Said

DAY = 86_400
LONG = (KEPT_DAYS + 1) * DAY


def days(line: Timeline, begin: int, end: int) -> list[str]:
    """Let the clock strike twice an hour; return what is forgotten meanwhile."""
    gone = []
    for second in range(begin * DAY, end * DAY, 1800):
        line.tick(second)
        gone += line.watch.forgotten
    return gone


def stored(line: Timeline) -> list[Alert]:
    """What the topic holds of alerts: of each the last record."""
    return list({alert.id: alert for alert in line.alerts}.values())


def test_an_alert_that_is_over_leaves_memory_and_topic_when_its_run_is_not_heard_of_any_more() -> None:
    """A stall that passed; the run ends. It is kept as long as Kafka may hold what it was about, and not longer."""
    line = Timeline()
    line.live(1, 21)
    line.live(21, 200, progressed=20, step=200)
    line.live(200, 205)
    line.read(205, event(205, "finish", exit_code=0))
    [alert] = stored(line)
    assert alert.state == "resolved"
    assert days(line, 1, KEPT_DAYS) == []
    assert [one.id for one in line.watch.book] == [alert.id]
    assert days(line, KEPT_DAYS, KEPT_DAYS + 2) == [alert.id]
    assert list(line.watch.book) == []
    assert line.watch.book.own("run", "stalled", 0) is None


def test_alerts_of_a_run_that_lives_stay_and_count_on() -> None:
    """A month after its stall the same run stalls again: it is the second episode of the same alert."""
    line = Timeline()
    for begin in (0, 30 * DAY):
        line.live(begin + 1, begin + 21, attempt=0)
        line.live(begin + 21, begin + 200, progressed=begin + 20, step=begin * 10 + 200)
        line.live(begin + 200, begin + 205)
        if begin == 0:
            for second in range(300, 30 * DAY, 600):
                line.read(second, pulse(second, interval=600.0))
                line.tick(second)
    assert line.said == [(line.said[0][0], state, episode) for episode in (1, 2) for state in ("firing", "resolved")]
    assert len({alert.id for alert in line.alerts}) == 1


def test_what_stands_though_nothing_comes_of_it_is_closed_and_nobody_is_told() -> None:
    """A run crashed after a NaN, and nobody ever went on with it: both alerts are closed, in whatever order, and leave
    as long afterwards; no notice comes of it.
    """
    line = Timeline()
    line.read(1, pulse(1, metrics={"loss": nan_loss(7, 0.9)}))
    line.read(300, event(300, "lost"))
    line.tick(301)
    gone = days(line, 1, 3 * KEPT_DAYS)
    assert line.said == [("nonfinite", "firing", 1)]
    assert {alert.state for alert in stored(line)} == {"resolved"}
    assert all(alert.text.endswith("for 15 days.") for alert in stored(line))
    assert sorted(gone) == sorted({alert.id for alert in line.alerts})
    assert list(line.watch.book) == []


def test_messages_of_a_run_that_lives_leave_too() -> None:
    """Else a run that says something each minute would fill the memory; an alert about its state stays."""
    line = Timeline()
    line.read(0, event(0, "alert", place=3, title="look"), pulse(0, metrics={"loss": nan_loss(7, 0)}))
    for day in range(1, 2 * KEPT_DAYS + 3):
        line.read(day * DAY, pulse(day * DAY, interval=float(DAY)))
        line.tick(day * DAY)
    assert [(alert.rule, alert.state) for alert in line.watch.book] == [("nonfinite", "firing")]
    assert line.said == [("user", "firing", 1), ("nonfinite", "firing", 1)]


def test_an_alert_that_was_forgotten_begins_under_another_id() -> None:
    """The run is resumed after months and crashes again: no receiver and no history may take it for the first."""
    line = Timeline()
    line.read(1, pulse(1), event(1, "lost"))
    days(line, 1, 3 * KEPT_DAYS)
    assert list(line.watch.book) == []
    again = 100 * DAY
    line.read(again, pulse(again, attempt=again - 1), event(again, "lost", attempt=again - 1))
    first, second = told(line.alerts)
    assert (first.rule, second.rule) == ("crash", "crash")
    assert first.id != second.id


def test_a_host_that_is_lost_again_after_its_first_loss_was_forgotten_has_another_name() -> None:
    """The name of its notices is made of how often it was told of; and workers that know nothing yet agree."""
    line, other = Timeline(), Timeline()
    for begin in (0, 100 * DAY):
        for second in range(begin + 1, begin + 11):
            line.read(second, pulse(second, run=f"run{begin}"))
            line.tick(second)
        line.silence(begin + 11, begin + 80)
        days(line, begin // DAY + 1, begin // DAY + 3 * KEPT_DAYS)
    for second in range(1, 11):
        other.read(second, pulse(second, run="another"))
        other.tick(second)
    other.silence(11, 80)
    first, second_one = told(line.alerts)
    assert first.notice != second_one.notice
    assert [alert.notice for alert in told(other.alerts)] == [first.notice]


def test_silences_and_acknowledgements_leave_when_they_are_over() -> None:
    """A silence a day after its end, an acknowledgement when its alert's age is reached; their keys tell the topic."""
    said = Said()
    silence = Silence("s1", {"run": "run"}, micros(100), "ann", micros(0))
    said.take(silence)
    said.take(Acknowledgement("a" * 16, 1, "ann", micros(0)))
    assert said.expire(micros(100 + DAY)) == []
    assert said.expire(micros(101 + DAY)) == ["silence/s1"]
    assert said.expire(micros(LONG)) == ["ack/" + "a" * 16]
    assert list(said) == []


def test_what_others_told_of_hosts_is_forgotten_too() -> None:
    """Each worker hears of all lost hosts of all others."""
    there, here = Timeline(), Timeline()
    there.live(1, 11)
    there.silence(11, 80)
    [alert] = told(there.alerts)
    here.watch.book.hear(alert)
    assert len(here.watch.book._incidents._abroad) == 1
    days(here, KEPT_DAYS, KEPT_DAYS + 2)
    assert len(here.watch.book._incidents._abroad) == 0


def test_the_rank_whose_death_ended_a_run_is_known_for_a_day_and_the_others_for_ten_minutes() -> None:
    """A crash loop with hours in a queue between its attempts is a crash loop; and detectors go on where they were."""
    line = Timeline(given=rulesfile.read("rules: [{name: restart_without_progress, params: {attempts: 2}}]", "-"))
    for begin in (0, 6 * 3600):
        line.live(begin + 1, begin + 11, attempt=begin, step=50, rank=0)
        line.read(
            begin + 11, pulse(begin + 11, attempt=begin, rank=1, step=50), event(begin + 12, "lost", attempt=begin)
        )
        line.read(begin + 13, event(begin + 13, "lost", attempt=begin, rank=1))
        for second in range(begin + 14, begin + 4 * 3600, 60):
            line.tick(second)
        assert [rank.rank for rank in line.watch.health] == [0]
    assert ("restart_without_progress", "firing", 1) in line.said
    for second in range(12 * 3600, 40 * 3600, 600):
        line.tick(second)
    assert list(line.watch.health) == []
