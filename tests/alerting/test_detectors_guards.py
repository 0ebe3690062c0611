"""What the detectors that compare a metric with its own past hold to: warm-up, resumes, NaN, and when all is well."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from courses import point, sighted

from runwire_alerting.detectors import DETECTORS, Detector, Point, Sighting, Well

BY_NAME = {detector.name: detector for detector in DETECTORS}
RELATIVE = ("loss_spike", "divergence", "gradient_spike")
#: How a healthy loss of about 2 looks.
NOISE = (2 + 0.1 * np.random.default_rng(7).standard_normal(400)).tolist()


def made(name: str, **params: float) -> Detector:
    return BY_NAME[name](BY_NAME[name].Params.model_validate(params))


def course(values: Iterable[float], begin: int = 0) -> list[Point]:
    return [point(step, value) for step, value in enumerate(values, begin)]


@pytest.mark.parametrize("name", RELATIVE)
def test_the_first_points_are_not_judged(name: str) -> None:
    """A hundred points of warm-up say nothing, whatever they are."""
    assert sighted(made(name), course([2.0] * 70 + [200.0] * 25)) == []


@pytest.mark.parametrize(("name", "first"), [("loss_spike", 204), ("divergence", 219), ("gradient_spike", 200)])
def test_what_is_far_too_high_is_reported_after_its_row(name: str, first: int) -> None:
    """With the value, what was usual, and a formula that says both; and so at each point until it is over."""
    detector = made(name)
    verdicts = {one.step: detector.add(one) for one in course(NOISE[:200] + [60.0] * 30)}
    assert [step for step, verdict in verdicts.items() if isinstance(verdict, Sighting)] == list(range(first, 230))
    sighting = verdicts[first]
    assert isinstance(sighting, Sighting)
    assert sighting.value == 60
    assert sighting.baseline == pytest.approx(2, abs=0.05)
    assert sighting.formula.startswith("60 > ")


@pytest.mark.parametrize("name", RELATIVE)
def test_all_is_called_well_after_ten_good_points_and_not_before(name: str) -> None:
    """A sighting ends the row of good points; what was reported was not learnt, so that good is what was good."""
    detector = made(name)
    for one in course(NOISE[:200] + [60.0] * 30):
        detector.add(one)
    verdicts = [detector.add(one) for one in course(NOISE[200:215], 230)]
    assert verdicts[:9] == [None] * 9
    assert all(isinstance(verdict, Well) for verdict in verdicts[9:])


def test_single_bad_batches_are_no_spike() -> None:
    """One in ten is far too high, and none of them is reported."""
    values = [20.0 if step % 10 == 9 else value for step, value in enumerate(NOISE)]
    assert sighted(made("loss_spike"), course(values)) == []
    assert sighted(made("divergence"), course(values)) == []


@pytest.mark.parametrize("name", RELATIVE)
def test_values_that_are_not_finite_are_passed_over(name: str) -> None:
    """They neither count as bad or good nor change what is usual."""
    clean, torn = made(name), made(name)
    values = NOISE[:200] + [60.0] * 30
    nan = Point(150, 0, 3, math.nan, -math.inf, math.inf, math.nan)
    points = course(values)
    assert sighted(torn, [*points[:150], nan, *points[150:]]) == sighted(clean, points) != []


@pytest.mark.parametrize("name", RELATIVE)
def test_a_little_spike_after_a_resume_is_usual_and_another_level_is_not(name: str) -> None:
    """Of twenty points after it only the median is compared with what was usual before."""
    again = NOISE[200:240]
    little = made(name)
    assert sighted(little, course(NOISE[:200])) == []
    little.resumed()
    assert sighted(little, course([60.0] * 9 + again, 200)) == []
    other = made(name)
    assert sighted(other, course(NOISE[:200])) == []
    other.resumed()
    assert sighted(other, course([60.0] * 25, 200))[0] == 219


def test_a_run_that_goes_back_is_compared_with_what_it_was_then() -> None:
    """Steps that come again forget what was known of them: a hundred steps before, the loss was 170 times as high."""
    falling = [10 * 0.95**step for step in range(300)]
    detector = made("loss_spike", window=32, near_zero=0)
    assert sighted(detector, course(falling)) == []
    assert sighted(detector, course(falling[200:], 200)) == []


def test_steps_that_come_again_are_a_resume_without_being_told_of_one() -> None:
    """The little spike there is usual; with a step more, and not fewer, it is a spike."""
    again = [60.0] * 9 + NOISE[200:240]
    back, on = made("loss_spike"), made("loss_spike")
    assert sighted(back, course(NOISE[:200])) == sighted(on, course(NOISE[:200])) == []
    assert sighted(back, course(again, 180)) == []
    assert sighted(on, course(again, 200)) != []


def test_phases_that_take_turns_are_no_divergence() -> None:
    """Twenty-five pulses of harder data in each sixty-five are more than twice the median, and usual."""
    turns = [value * (2.5 if step % 65 >= 40 else 1) for step, value in enumerate(NOISE)]
    assert sighted(made("divergence"), course(turns)) == []


def test_a_level_that_lasts_is_no_spike_any_more_but_a_divergence() -> None:
    """The spike ends after a window of it and begins to learn anew; the divergence stands until the loss comes down."""
    high = [60 + value for value in NOISE[:300]]
    points = course(NOISE[:200] + high)
    assert sighted(made("loss_spike"), points) == list(range(204, 333))
    assert sighted(made("divergence"), points) == list(range(219, 500))


def test_a_loss_that_gives_back_what_it_had_learnt_diverges_without_doubling() -> None:
    """From 4 down to 2.4 and up to 3.4: not twice as much, but more than half of the way."""
    falling = [2.4 + 1.6 * 0.95**step + noise / 20 for step, noise in enumerate(NOISE[:200])]
    assert sighted(made("divergence"), course(falling + [3.5] * 40))[0] == 219
    assert sighted(made("divergence", given_back=1), course(falling + [3.5] * 40)) == []


def test_losses_about_zero_and_below_are_judged_by_their_spread() -> None:
    """Noise of either sign is no spike, however many times the median it is; a level far outside of it is."""
    around = [(value - 2) for value in NOISE]
    for name in ("loss_spike", "divergence"):
        assert sighted(made(name), course(around)) == []
        assert sighted(made(name), course([value - 9 for value in NOISE])) == []
    assert sighted(made("loss_spike"), course(around[:200] + [5.0] * 10))[0] == 204


def test_what_is_small_beside_the_first_values_is_not_too_high() -> None:
    """A loss that fell from 2 to 0.001 may rise a hundredfold; with no such bound that would be a spike."""
    values = NOISE[:20] + [0.001 * value for value in NOISE[:200]] + [0.1] * 10
    assert sighted(made("loss_spike"), course(values)) == []
    assert sighted(made("loss_spike", near_zero=0), course(values)) != []
