"""The detectors that know no window of the past: frozen, vanishing, plateau, overfit, slowdown, threshold, absent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from courses import point, sighted, sighted_beside
from pydantic import ValidationError

from runwire_alerting.detectors import DETECTORS, Detector, Point, Sighting, Well

BY_NAME = {detector.name: detector for detector in DETECTORS}
NOISE = np.random.default_rng(3).standard_normal(4000).tolist()


def made(name: str, **params: object) -> Detector:
    return BY_NAME[name](BY_NAME[name].Params.model_validate(params))


def steps(values: list[float], apart: int = 1) -> list[Point]:
    return [point(step * apart, value) for step, value in enumerate(values)]


def test_the_same_loss_fifty_times_is_frozen_until_it_changes() -> None:
    """Values count, not pulses; another value makes it well at once."""
    detector = made("loss_frozen")
    healthy = [1 + value / 10 for value in NOISE[:10]]
    assert sighted(detector, steps([*healthy, *[0.5] * 60]))[0] == 59
    assert isinstance(detector.add(point(70, 0.6)), Well)
    many = made("loss_frozen")
    assert sighted(many, [point(step, *[0.5] * 20) for step in range(5)]) == [2, 3, 4]


def test_a_loss_that_came_to_rest_near_zero_is_not_frozen_and_one_that_jumped_there_is() -> None:
    """Rounded to four digits, what is nearly learnt repeats itself; what a filter leaves of a NaN is 0 at once."""
    resting = [round(0.9**step, 4) for step in range(200)]
    assert resting[-100:] == [0.0] * 100
    assert sighted(made("loss_frozen"), steps(resting)) == []
    assert sighted(made("loss_frozen"), steps([2.31, 2.28, 2.3] + [0.0] * 60))[0] == 52
    assert sighted(made("loss_frozen"), steps([0.0] * 200)) == []  # as with policies whose loss is 0 by its definition


def test_a_loss_that_is_told_again_and_again_of_one_step_is_not_frozen() -> None:
    """Only pulses with a later step count."""
    assert sighted(made("loss_frozen"), [*[point(7, 0.5) for _ in range(200)], point(8, 0.5)]) == []


def test_gradients_that_vanish_are_reported_after_ten_points_and_frozen_layers_never() -> None:
    """What was exactly 0 from the beginning was never meant to learn; what became 0 has died."""
    assert sighted(made("vanishing"), steps([1e-9] * 40)) == list(range(29, 40))
    assert sighted(made("vanishing"), steps([0.0] * 100)) == []
    assert sighted(made("vanishing"), steps([1e-3] * 30 + [0.0] * 15)) == list(range(39, 45))
    assert sighted(made("vanishing", below=1e-8, above=10), steps([1e-3] * 30 + [12.0] * 15))[0] == 39


def test_a_plateau_is_as_long_as_a_fifth_of_the_run() -> None:
    """A loss that falls on is none, however slowly; one that stays is, over as many points again."""
    falling = [5 / (1 + step / 300) for step in range(3000)]
    assert sighted(made("plateau"), steps(falling)) == []
    staying = falling[:1000] + [falling[1000]] * 1000
    assert 1200 < sighted(made("plateau"), steps(staying))[0] < 1600


def test_validation_that_rises_five_times_above_training_is_overfitting() -> None:
    """A gap alone is none, as dropout makes it, nor is a rise of both."""
    training = [point(step, 1.0 - step / 2000) for step in range(1000)]
    rising = [point(step, abs(step - 400) / 1000 + 0.9) for step in range(0, 1000, 50)]
    assert sighted_beside(made("overfit"), rising, training)[0] == 650
    gap = [point(step, 2.0 - step / 2000) for step in range(0, 1000, 50)]
    assert sighted_beside(made("overfit"), gap, training) == []
    both = [point(step, 1.0 + step / 1000) for step in range(1000)]
    assert sighted_beside(made("overfit"), rising, both) == []


def test_steps_that_take_longer_are_reported_and_long_ones_among_them_are_not() -> None:
    """The median of fifty, against that of the run; an evaluation in each tenth step moves neither."""
    usual = [0.2 + value / 100 + (step % 10 == 0) for step, value in enumerate(NOISE[:1000])]
    assert sighted(made("slowdown"), steps(usual)) == []
    slower = [value * 1.5 for value in usual[:100]]
    found = sighted(made("slowdown"), steps(usual + slower))
    assert 1020 < found[0] < 1050
    assert found[-1] == 1099


def test_the_first_points_after_a_start_are_passed_over() -> None:
    """They compile; four of them as long as the rest together move nothing, at the first start and at a resume."""
    detector = made("slowdown", window=4)
    assert sighted(detector, steps([9.0] * 5 + [0.2] * 50)) == []
    detector.resumed()
    assert sighted(detector, [point(step, 9.0 if step < 60 else 0.2) for step in range(55, 90)]) == []


def test_where_tokens_are_told_their_time_is_judged_and_not_that_of_steps() -> None:
    """Packed sequences: steps become twice as long, and tokens take as long as before; then these do, too."""
    seconds = [point(step, 0.2 if step < 300 else 0.4) for step in range(600)]
    steady = [point(step, 1000.0) for step in range(600)]
    assert sighted(made("slowdown"), seconds) != []
    assert sighted_beside(made("slowdown"), seconds, steady) == []
    falling = [point(step, 1000.0 if step < 450 else 500.0) for step in range(600)]
    assert sighted_beside(made("slowdown"), seconds, falling)[0] == 474


@pytest.mark.parametrize(
    ("op", "wrong", "right"),
    [(">", 2.1, 2.0), (">=", 2.0, 1.9), ("<", 1.9, 2.0), ("<=", 2.0, 2.1), ("==", 2.0, 2.1), ("!=", 2.1, 2.0)],
)
def test_a_threshold_compares_as_its_sign_says(op: str, wrong: float, right: float) -> None:
    """Each of the six, with 2; the next good point makes it well."""
    detector = made("threshold", op=op, value=2)
    assert isinstance(detector.add(point(1, wrong)), Sighting)
    assert isinstance(detector.add(point(2, right)), Well)


@pytest.mark.parametrize(("of", "value"), [("last", 4.0), ("min", 2.0), ("max", 50.0), ("mean", 16.25)])
def test_a_threshold_is_about_the_last_least_largest_or_mean_value_of_a_window(of: str, value: float) -> None:
    """Of two pulses, weighed by how many values they tell of; nothing is said before there are two."""
    points = [point(1, 100.0), point(2, 50.0), point(3, 2.0, 9.0, 4.0)]
    detector = made("threshold", op="==", value=value, of=of, window=2)
    assert detector.add(points[0]) is None
    assert isinstance(detector.add(points[1]), Well)
    assert isinstance(detector.add(points[2]), Sighting)


def test_a_threshold_passes_over_a_last_value_that_is_no_number() -> None:
    """Though other values of the pulse are; and it cannot be one itself."""
    nan = Point(1, 0, 2, math.nan, 1.0, 2.0, 3.0)
    assert made("threshold", op="!=", value=2).add(nan) is None
    assert isinstance(made("threshold", op=">", value=1, of="max").add(nan), Sighting)
    with pytest.raises(ValidationError):
        made("threshold", value=math.nan)
    with pytest.raises(ValidationError):
        made("threshold")


def test_a_metric_is_absent_after_three_of_its_longest_gaps() -> None:
    """Counted in steps; when it comes again all is well, and the long gap is not learnt."""
    detector = made("absent")
    for step in range(0, 1001, 100):
        detector.add(point(step, 1.0))
    found = [step for step in range(1010, 1500, 10) if isinstance(detector.without(step), Sighting)]
    assert found[0] == 1310
    assert isinstance(detector.add(point(1500, 1.0)), Well)
    assert detector.without(1800) is None
    assert isinstance(detector.without(1801), Sighting)


def test_a_metric_whose_gaps_are_not_known_is_not_absent() -> None:
    """It was logged four times only; and a run that goes back lacks it only from there."""
    few = made("absent")
    for step in range(4):
        few.add(point(step, 1.0))
    assert few.without(10_000) is None
    back = made("absent")
    for step in range(1000):
        back.add(point(step, 1.0))
    assert back.without(500) is None
    assert back.without(600) is None
    assert isinstance(back.without(601), Sighting)
