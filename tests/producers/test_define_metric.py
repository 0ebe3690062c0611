"""``define_metric()``: what is told of metrics, and that rows get the value that they are drawn against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import runwire
from producers.spooled import logged, told

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def run() -> Iterator[runwire.Run]:
    """A run whose data stays in its spool."""
    with runwire.init(mode="offline") as begun:
        yield begun


def test_a_definition_is_told_when_its_metric_is_logged_and_once(run: runwire.Run) -> None:
    """Patterns are told of each metric that fits; by its own name before patterns, of those by the later."""
    run.define_metric("*", hidden=True)
    run.define_metric("val/*", summary="max", hidden=False)
    runwire.define_metric("val/loss", summary="best", goal="minimize", role="loss")
    for _ in range(2):
        run.log({"val/loss": 1.0, "val/acc": 0.5})
        run.log({"lr": 0.1})
    assert told(run, "metric") == [
        {
            "val/loss": {"hidden": False, "summary": "min", "goal": "minimize", "role": "loss"},
            "val/acc": {"hidden": False, "summary": "max"},
        },
        {"lr": {"hidden": True}},
    ]


def test_a_definition_that_comes_late_is_told_of_what_was_logged(run: runwire.Run) -> None:
    """It adds to an earlier one of its name, or takes its place."""
    run.log({"loss": 1.0})
    run.define_metric("loss", summary="min")
    run.define_metric("loss", goal="minimize")
    run.define_metric("loss", hidden=True, overwrite=True)
    run.define_metric("acc", hidden=True)
    assert told(run, "metric") == [
        {"loss": {"summary": "min"}},
        {"loss": {"summary": "min", "goal": "minimize"}},
        {"loss": {"hidden": True}},
    ]


def test_a_row_gets_the_step_metric_that_it_lacks(run: runwire.Run) -> None:
    """The last value there was, from whatever row; nothing before the first, and nothing where it is not wanted."""
    run.define_metric("val/*", step_metric="epoch")
    run.define_metric("raw", step_metric="epoch", step_sync=False)
    for epoch in range(2):
        run.log({"val/loss": 1.0})
        run.log({"epoch": epoch, "train/loss": 2.0})
        run.log({"val/loss": 3.0, "raw": 4.0})
        run.log({"raw": 5.0})
        run.log({"val/loss": 6.0, "epoch": epoch + 0.5})
        run.log({"val": {"loss": 7.0}})
    rows = [values for _, values in logged(run)]
    assert rows[:6] == [
        {"val/loss": 1.0},
        {"epoch": 0.0, "train/loss": 2.0},
        {"val/loss": 3.0, "raw": 4.0, "epoch": 0.0},
        {"raw": 5.0},
        {"val/loss": 6.0, "epoch": 0.5},
        {"val/loss": 7.0, "epoch": 0.5},
    ]
    assert rows[6:9] == [
        {"val/loss": 1.0, "epoch": 0.5},
        {"epoch": 1.0, "train/loss": 2.0},
        {"val/loss": 3.0, "raw": 4.0, "epoch": 1.0},
    ]


def test_a_metric_is_not_drawn_against_itself(run: runwire.Run) -> None:
    """As where one pattern gives all metrics the same step."""
    run.define_metric("*", step_metric="global_step")
    run.log({"global_step": 3, "loss": 1.0})
    run.log({"loss": 1.0})
    assert told(run, "metric") == [{"loss": {"step_metric": "global_step"}}]
    assert logged(run)[1][1] == {"loss": 1.0, "global_step": 3.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "'' is no metric name"),
        ({"name": "a", "step_metric": "b\n"}, "holds a control character"),
        ({"name": "a", "summary": "median"}, "summary is 'median': expected one of"),
        ({"name": "a", "goal": "minimise"}, "goal is 'minimise': expected one of minimize"),
        ({"name": "a", "summary": "best"}, "summary=\"best\" of 'a' needs a goal"),
        ({"name": "a", "role": "leader"}, "role is 'leader': expected one of"),
    ],
)
def test_what_cannot_be_defined_is_refused(run: runwire.Run, arguments: dict[str, str], message: str) -> None:
    """With what may stand there instead."""
    with pytest.raises(runwire.errors.UsageError) as raised:
        run.define_metric(**arguments)  # type: ignore[arg-type]
    assert message in str(raised.value)
