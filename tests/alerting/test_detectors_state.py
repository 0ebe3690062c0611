"""What holds of every detector: its state survives a restart, its memory has an end, and its docstring is true."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import pytest
import yaml
from courses import point
from hypothesis import given, settings
from hypothesis import strategies as st

from runwire.wire import MetricPulse, dumps, loads
from runwire_alerting.detectors import DETECTORS, Detector, Point, StateError, Verdict
from runwire_alerting.detectors.window import Window

#: Small, so that a short course passes through every state.
SMALL: dict[str, dict[str, Any]] = {
    "loss_frozen": {"points": 3},
    "loss_spike": {"window": 32, "warm_up": 32, "in_row": 2, "freeze": 3, "well_after": 2},
    "divergence": {"window": 32, "warm_up": 32, "in_row": 3, "freeze": 3, "well_after": 2},
    "gradient_spike": {"window": 32, "warm_up": 32, "in_row": 2, "freeze": 3, "well_after": 2},
    "slowdown": {"window": 4, "warm_up": 2},
    "vanishing": {"in_row": 2, "warm_up": 3},
    "overfit": {"in_row": 2},
    "plateau": {"points": 8},
    "threshold": {"value": 1.5, "of": "mean", "window": 3},
    "absent": {"points": 2, "steps": 3},
}


def small(kind: type[Detector]) -> Detector:
    return kind(kind.Params.model_validate(SMALL[kind.name]))


def fed(detector: Detector, action: tuple[str, int, list[float]]) -> Verdict | None:
    what, step, values = action
    if what == "resumed":
        detector.resumed()
    elif what == "beside":
        detector.beside(point(step, *values))
    else:
        return detector.without(step) if what == "without" else detector.add(point(step, *values))
    return None


VALUES = st.sampled_from([0.0, 1.0, 1.5, 2.0, 30.0, -1.0, 1e300, 1e-12]) | st.floats(allow_nan=True)
JUMPS = st.sampled_from([0, 1, 1, 1, 1, 1, 2, 40, -5])
ACTIONS = st.tuples(
    st.sampled_from(["add"] * 12 + ["beside", "without", "resumed"]), JUMPS, st.lists(VALUES, min_size=1, max_size=3)
)


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.name)
@settings(max_examples=40, deadline=None)
@given(before=st.lists(ACTIONS, max_size=90), after=st.lists(ACTIONS, min_size=1, max_size=40), calm=st.booleans())
def test_a_state_that_is_put_back_gives_the_very_same_verdicts(
    kind: type[Detector], before: list[Any], after: list[Any], *, calm: bool
) -> None:
    """At any point of any course, NaN and steps that come again among it, and through JSON to the bit."""
    first = small(kind)
    step = 0
    for _ in range(40 * calm):  # past the warm-up
        step += 1
        fed(first, ("add", step, [1.5 + step % 3 / 10]))
    for what, jump, values in before:
        step = max(step + jump, 0)
        fed(first, (what, step, values))
    second = small(kind)
    second.load(loads(dumps(first.dump())))
    for what, jump, values in after:
        step = max(step + jump, 0)
        assert repr(fed(second, (what, step, values))) == repr(fed(first, (what, step, values)))
    assert second.dump() == first.dump()


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.name)
def test_the_state_has_an_end(kind: type[Detector]) -> None:
    """After 20,000 points it is no larger than a few kilobytes, whatever came."""
    detector = kind(kind.Params.model_validate({"value": 1} if kind.name == "threshold" else {}))
    for step in range(20_000):
        one = point(step, 1 + step % 97 / 97 + (1e6 if step % 5000 > 4900 else 0))
        detector.beside(one)
        detector.add(one)
    assert len(dumps(detector.dump())) < 12_000


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.name)
def test_another_detectors_state_is_refused(kind: type[Detector]) -> None:
    """By an error that says what to do, and the detector is as it was."""
    detector = small(kind)
    fresh = detector.dump()
    with pytest.raises(StateError, match="begin with a new one"):
        detector.load({"of": "another version"})
    assert detector.dump() == fresh


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.name)
def test_the_docstring_has_what_the_catalogue_shows(kind: type[Detector]) -> None:
    """What it detects, formula, source, false alarms, and an example whose parameters it takes."""
    doc = inspect.getdoc(kind) or ""
    assert doc.startswith("Detects ")
    for paragraph in ("Formula:", "Source:", "False alarms:", "Example:"):
        assert f"\n\n{paragraph}" in doc
    (example,) = yaml.safe_load(textwrap.dedent(doc.partition("\nExample::\n")[2]))["rules"]
    assert example.get("kind", example["name"]) == kind.name
    assert "metric" in example["where"]
    kind.Params.model_validate(example.get("params", {}))
    assert all(field.description for field in kind.Params.model_fields.values())


def test_a_pulse_becomes_a_point_of_its_finite_values() -> None:
    """NaN is not counted, and a pulse of nothing but NaN is no point."""
    some = MetricPulse(count=3, last=float("nan"), min=1.0, max=2.0, sum=3.0, nonfinite=1)
    one = Point.of(5, 7, some)
    assert one is not None
    assert (one.step, one.ts, one.count, one.mean) == (5, 7, 2, 1.5)
    assert Point.of(5, 7, MetricPulse(count=2, last=float("inf"), nonfinite=2)) is None


def test_a_window_that_was_made_smaller_goes_on_with_its_last_values() -> None:
    """Parameters may change between a dump and its load."""
    large, small = Window(64), Window(32)
    for step in range(64):
        large.push(step, float(step % 7))
    small.load(large.dump())
    small.push(64, 1.0)
    assert list(small) == [(step, float(step % 7)) for step in range(33, 65)]
