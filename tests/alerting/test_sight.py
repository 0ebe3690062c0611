"""When a worker may say that a run is silent: only while it sees everything there is."""

from __future__ import annotations

from runwire_alerting.sight import Place, Sight

SECOND = 1_000_000
PULSE: Place = ("pulse", 0)
EVENTS: Place = ("events", 0)
OTHER: Place = ("pulse", 1)


def sight() -> Sight:
    return Sight({PULSE: 10, EVENTS: 5, OTHER: 0}, now=0)


def ends(pulse: int = 10, events: int = 5, other: int = 0) -> dict[Place, int]:
    return {PULSE: pulse, EVENTS: events, OTHER: other}


def test_a_partition_is_in_sight_once_a_look_later_all_is_handled() -> None:
    """The first look only says how much there is; the second, with all of it handled, begins the sight."""
    eyes = sight()
    assert eyes.look(ends(), SECOND) == {}
    assert eyes.look(ends(), 2 * SECOND) == {0: 2 * SECOND, 1: 2 * SECOND}
    assert eyes.look(ends(), 3 * SECOND) == {0: 2 * SECOND, 1: 2 * SECOND}


def test_lag_in_either_topic_takes_its_partition_alone_out_of_sight_and_begins_nothing_anew() -> None:
    """Records that wait for longer than from look to look do until they are handled; then it is known what was said."""
    eyes = sight()
    eyes.look(ends(), SECOND)
    eyes.look(ends(events=6), 2 * SECOND)
    assert eyes.look(ends(events=6), 3 * SECOND) == {1: 2 * SECOND}
    eyes.handled("events", 0, 5, 3 * SECOND)
    assert eyes.look(ends(events=6), 4 * SECOND) == {0: 2 * SECOND, 1: 2 * SECOND}


def test_a_partition_that_was_behind_from_the_start_is_in_sight_from_when_it_caught_up() -> None:
    """How long a run had been silent before that, nobody here saw."""
    eyes = sight()
    eyes.look(ends(pulse=12), SECOND)
    assert eyes.look(ends(pulse=12), 2 * SECOND) == {1: 2 * SECOND}
    eyes.handled("pulse", 0, 11, 3 * SECOND)
    assert eyes.look(ends(pulse=12), 3 * SECOND) == {0: 3 * SECOND, 1: 2 * SECOND}


def test_a_steady_stream_stays_in_sight() -> None:
    """Records that arrive all the time are no lag as long as each look finds the last look's records handled."""
    eyes = sight()
    for second in range(1, 20):
        seen = eyes.look(ends(pulse=10 + second), second * SECOND)
        eyes.handled("pulse", 0, 10 + second - 1, second * SECOND)
    assert seen[0] == 2 * SECOND


def test_no_answer_or_a_pause_between_looks_ends_all_sight() -> None:
    """A Kafka that does not answer, a frozen process and a clock that is set back: sight begins anew."""
    eyes = sight()
    for second in (1, 2, 3):
        eyes.look(ends(), second * SECOND)
    assert eyes.look(None, 4 * SECOND) == {}
    assert eyes.look(ends(), 5 * SECOND) == {}
    assert eyes.look(ends(), 6 * SECOND) == {0: 6 * SECOND, 1: 6 * SECOND}
    assert eyes.look(ends(), 60 * SECOND) == {}
    assert eyes.look(ends(), 61 * SECOND) == {0: 61 * SECOND, 1: 61 * SECOND}
    assert eyes.look(ends(), 30 * SECOND) == {}


def test_being_stuck_is_told_by_how_long() -> None:
    """Seconds without a handled record while there are some; none where there is nothing to handle."""
    eyes = sight()
    eyes.look(ends(), 1 * SECOND)
    assert eyes.stuck(100 * SECOND) == 0
    eyes.look(ends(pulse=12), 2 * SECOND)
    assert eyes.stuck(30 * SECOND) == 28
    eyes.handled("pulse", 0, 10, 30 * SECOND)
    assert eyes.stuck(31 * SECOND) == 1
