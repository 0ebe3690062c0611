"""When a receiver that takes nothing is asked again: pauses and the circuit breaker, by a clock of the test's own."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from runwire_alerting.notifiers.breaker import FAILURES_MAX, Breaker, pause


@given(st.integers(1, 10_000))
def test_pauses_are_anywhere_below_a_limit_that_doubles_to_a_minute(failures: int) -> None:
    """Full jitter: from nothing to half a second times two to the number of failures, a minute at most."""
    assert 0 <= pause(failures) <= min(0.5 * 2.0 ** min(failures - 1, 100), 60)


def test_pauses_differ() -> None:
    """What failed together does not come back together."""
    assert len({pause(5) for _ in range(100)}) > 90


def test_it_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    """Four failures change nothing, the fifth opens it; then one may ask, and nobody else before that is answered."""
    gate = Breaker(lambda failures: 10.0 * failures)
    for failure in range(FAILURES_MAX):
        assert gate.wait(100) == 0
        assert not gate.open
        assert not gate.ask()
        gate.refused(100 + failure)
    assert gate.open
    assert gate.wait(104) == 10
    assert gate.wait(114) == 0
    assert gate.ask()
    assert gate.wait(114) == math.inf
    gate.refused(114.5)  # of before
    assert gate.wait(114.5) == math.inf
    gate.refused(115, probe=True)
    assert gate.wait(115) == 20
    gate.ask()
    gate.taken()
    assert not gate.open
    assert gate.wait(115) == 0


def test_a_success_starts_the_count_anew() -> None:
    """Failures that are not in a row never open it."""
    gate = Breaker()
    for _ in range(20):
        for _ in range(FAILURES_MAX - 1):
            gate.refused(0)
        gate.taken()
    assert not gate.open


def test_what_was_under_way_when_it_opened_counts_once() -> None:
    """Eight notices that fail together are one failure more, not eight: the pause is the first one's."""
    gate = Breaker(lambda failures: 10.0 * failures)
    for _ in range(FAILURES_MAX + 7):
        gate.ask()
    for _ in range(FAILURES_MAX + 7):
        gate.refused(100)
    assert gate.wait(100) == 10


def test_a_receiver_that_asks_to_be_left_alone_is_left_alone_for_an_hour_at_most() -> None:
    """Retry-After holds from the first failure on, and does not put off an alert for a day."""
    gate = Breaker()
    gate.refused(100, retry_after=30)
    assert gate.wait(110) == 20
    gate.refused(110, retry_after=86_400)
    assert gate.wait(110) == 3600


def test_an_hour_without_a_receiver_takes_some_hundred_probes_and_no_more() -> None:
    """However many notices wait, a receiver that is down for an hour is asked a few times a minute."""
    gate, now, asked = Breaker(), 0.0, 0
    while now < 3600:
        now += gate.wait(now) + 0.01  # as long as a refused connection takes
        gate.refused(now, probe=gate.ask())
        asked += 1
    assert asked < 250
    assert gate.wait(now) <= 60
