"""The rule for losses that are NaN or infinite."""

from __future__ import annotations

import math

import pytest
from timeline import FINE, Timeline, event, micros, nan_loss, pulse

from runwire.wire import MetricPulse, loads
from runwire_alerting.notifiers.notice import compose
from runwire_alerting.notifiers.webhook import body
from runwire_alerting.rules.nonfinite import is_loss
from runwire_alerting.watch import pressing_first


def test_a_nan_loss_fires_at_once_and_says_who_where_and_what_came_before() -> None:
    """A pulse with a NaN loss makes one critical alert with run, rank, metric, step, value and the values before."""
    line = Timeline()
    line.read(1, pulse(1, rank=3, metrics={"train/loss": FINE}))
    [alert] = line.read(2, pulse(2, rank=3, metrics={"train/loss": nan_loss(17, 1.5, [(15, 2.0), (16, 9.5)])}))
    assert (alert.rule, alert.state, alert.severity, alert.episode) == ("nonfinite", "firing", "critical", 1)
    assert (alert.run, alert.project, alert.name, alert.host) == ("run", "digits", "bold-mlp", "node-1")
    assert (alert.rank, alert.metric, alert.step, alert.before) == (3, "train/loss", 17, [(15, 2.0), (16, 9.5)])
    assert alert.value is not None
    assert math.isnan(alert.value)
    assert (alert.caused_at, alert.fired_at) == (micros(1.5), micros(2))
    assert alert.title == "bold-mlp: train/loss is NaN at step 17"
    assert alert.text == (
        "bold-mlp (run) of digits, rank 3 on node-1: train/loss is NaN at step 17. "
        "Before: 15: 2, 16: 9.5 (step: value)."
    )
    assert loads(body(compose(alert)))["value"] == "NaN"


def test_what_an_alert_may_answer_to_is_judged_before_what_came_with_it() -> None:
    """Of a burst, runs with a NaN loss, an event or an end come first, in their order; all others follow in theirs."""
    calm = [pulse(1, run="a"), pulse(1, run="b", metrics={"loss": FINE}), pulse(2, run="a")]
    pressing = [
        pulse(1, run="nan", metrics={"loss": FINE}),
        pulse(2, run="nan", metrics={"loss": nan_loss(3, 1.5)}),
        event(1, "exception", run="raised", kind="ValueError"),
        pulse(1, run="ended", alive=False, ended="killed"),
    ]
    mixed = [calm[0], pressing[0], calm[1], pressing[1], pressing[2], calm[2], pressing[3]]
    parts = pressing_first([(record, 0) for record in mixed])
    assert [[record for record, _ in part] for part in parts] == [pressing, calm]
    assert [[record for record, _ in part] for part in pressing_first([(record, 0) for record in calm])] == [[], calm]


@pytest.mark.parametrize(
    ("metric", "loss"),
    [("loss", True), ("train/Loss", True), ("val/ce_loss", True), ("loss/grad_norm", False), ("grad_norm", False)],
)
def test_only_metrics_whose_last_part_says_loss_count(metric: str, loss: bool) -> None:  # noqa: FBT001
    """An infinite gradient norm under fp16 loss scaling is ordinary, so it makes no alert; a loss does."""
    assert is_loss(metric) is loss
    line = Timeline()
    line.read(1, pulse(1, metrics={metric: nan_loss(5, 0.5)}))
    assert bool(line.alerts) is loss


def test_a_loss_that_stays_nan_is_told_of_once() -> None:
    """A hundred pulses with NaN make one alert, not a hundred."""
    line = Timeline()
    line.live(1, 101, metrics={"loss": nan_loss(5, 0.5)})
    assert line.said == [("nonfinite", "firing", 1)]


def test_many_ranks_at_once_are_one_alert_of_the_first_offender() -> None:
    """Of 64 ranks that tell of NaN together, the one with the smallest step, then rank, is named; nobody else fires."""
    line = Timeline()
    ranks = [5, 3, *range(6, 68)]
    line.read(
        2, *(pulse(2, rank=rank, metrics={"loss": nan_loss(100 if rank in (3, 5) else 101, 1.9)}) for rank in ranks)
    )
    assert [(alert.rank, alert.step) for alert in line.alerts] == [(3, 100)]
    line.read(3, *(pulse(3, rank=rank, metrics={"loss": nan_loss(101, 2.9)}) for rank in ranks))
    assert len(line.alerts) == 1


def test_two_losses_are_two_alerts() -> None:
    """Train and validation loss are told of apart, for they have different causes."""
    line = Timeline()
    line.read(1, pulse(1, metrics={"train/loss": nan_loss(5, 0.5), "val/loss": nan_loss(5, 0.5)}))
    assert {alert.metric for alert in line.alerts} == {"train/loss", "val/loss"}


def test_numbers_of_the_same_attempt_do_not_resolve() -> None:
    """A loss that is finite again in the same attempt has not become well: the NaN is in its weights, or hidden."""
    line = Timeline()
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    line.live(2, 50, metrics={"loss": FINE})
    assert line.said == [("nonfinite", "firing", 1)]


def test_a_resume_resolves_once_it_logs_numbers_and_may_fire_again() -> None:
    """Resolved by the next attempt's first finite loss, not by its mere start; a NaN of it is the second episode."""
    line = Timeline()
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    line.read(20, pulse(20, attempt=19))
    assert line.said == [("nonfinite", "firing", 1)]
    line.read(21, pulse(21, attempt=19, metrics={"loss": FINE}))
    assert line.said[1:] == [("nonfinite", "resolved", 1)]
    line.read(30, pulse(30, attempt=19, metrics={"loss": nan_loss(50, 29.5)}))
    assert line.said[2:] == [("nonfinite", "firing", 2)]


def test_a_resume_that_is_nan_at_once_stays_one_alert() -> None:
    """A resume from a checkpoint that holds NaN neither resolves nor fires anew."""
    line = Timeline()
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    line.read(21, pulse(21, attempt=19, metrics={"loss": nan_loss(5, 20)}))
    assert line.said == [("nonfinite", "firing", 1)]


def test_old_news_after_a_resume_fires_nothing() -> None:
    """What a restarted worker reads again, of the resolved attempt and of other ranks of it, makes no new alert."""
    line = Timeline()
    old = [pulse(1, rank=rank, metrics={"loss": nan_loss(5, 0.5)}) for rank in (0, 1)]
    line.read(1, *old)
    line.read(20, pulse(20, attempt=19, metrics={"loss": FINE}))
    line.restart()
    line.read(22, *old)
    assert line.said == [("nonfinite", "firing", 1), ("nonfinite", "resolved", 1)]


def test_an_infinite_loss_is_named_so() -> None:
    """Plus and minus infinity are told apart from NaN."""
    for value, word in ((math.inf, "infinite"), (-math.inf, "minus infinite")):
        line = Timeline()
        first = {"step": 4, "ts": micros(0.5), "value": value, "before": []}
        line.read(1, pulse(1, metrics={"loss": MetricPulse(1, value, nonfinite=1, first_nonfinite=first)}))
        assert [alert.title for alert in line.alerts] == [f"bold-mlp: loss is {word} at step 4"]


def test_a_batch_that_holds_a_nan_and_its_resume_tells_both_in_order() -> None:
    """Read in one go after an absence: the NaN fires, the resume after it resolves, nothing fires anew."""
    records = [pulse(1, metrics={"loss": nan_loss(5, 0.5)}), pulse(20, attempt=19, metrics={"loss": FINE})]
    line = Timeline()
    line.read(30, *records)
    assert line.said == [("nonfinite", "firing", 1), ("nonfinite", "resolved", 1)]
    line.restart()
    line.read(31, *records)
    assert len(line.said) == 2


def test_an_offender_does_not_pass_its_own_resume() -> None:
    """A smaller step of a later attempt is no earlier offence: rank 1's NaN stays behind rank 1's start."""
    line = Timeline()
    line.read(
        30,
        pulse(1, rank=0, metrics={"loss": nan_loss(100, 0.5)}),
        pulse(1, rank=1, metrics={"loss": nan_loss(100, 0.5)}),
        event(20, "start", rank=1, attempt=20, place=1),
        pulse(21, rank=1, attempt=20, metrics={"loss": nan_loss(50, 20.5)}),
    )
    assert [(alert.rank, alert.step) for alert in line.alerts] == [(0, 100)]


def test_a_metric_is_a_loss_as_long_as_the_run_says_so() -> None:
    """A definition holds all that is said of a metric: one without a role takes it back."""
    line = Timeline()
    line.read(1, event(1, "metric", perplexity={"role": "loss"}))
    line.read(2, event(2, "metric", perplexity={"hidden": True}))
    line.read(3, pulse(3, metrics={"perplexity": nan_loss(7, 3)}))
    assert line.alerts == []
    line.read(4, event(4, "metric", perplexity={"role": "loss"}))
    line.read(5, pulse(5, metrics={"perplexity": nan_loss(9, 5)}))
    assert line.said == [("nonfinite", "firing", 1)]
