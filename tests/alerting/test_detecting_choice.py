"""Which metrics of a rank a rule judges, and what becomes of that when rules, or what is said of metrics, change."""

from __future__ import annotations

from typing import Any

from courses import point
from timeline import SETTINGS, Timeline, event, pulse

from runwire.wire import MetricPulse
from runwire_alerting.declarations import Declaration
from runwire_alerting.detectors import Sighting
from runwire_alerting.detectors.threshold import Threshold
from runwire_alerting.rules import rules


def declared(**params: Any) -> list[Declaration]:
    """Return a threshold on accuracies."""
    return [Declaration.model_validate({"name": "mine", "kind": "threshold", "where": {"metric": "acc*"}, **params})]


def logged(**values: float) -> dict[str, MetricPulse]:
    """Return metrics of one value each."""
    return {name: MetricPulse(1, value, value, value, value) for name, value in values.items()}


def test_params_that_are_applied_hold_for_ranks_that_are_known() -> None:
    """What their detectors have seen stays: a mean of two pulses is one of the last two at once."""
    line = Timeline(given=declared(params={"value": 9, "of": "mean", "window": 4}))
    for second in range(1, 6):
        line.read(second, pulse(second, metrics=logged(acc=float(second))))
    line.watch.arm(rules(SETTINGS, declared(params={"value": 5, "of": "mean", "window": 2})))
    line.read(6, pulse(6, metrics=logged(acc=5.5)))
    assert [(alert.rule, alert.value) for alert in line.alerts] == [("mine", 5.25)]


def test_a_metric_that_a_rule_does_not_name_any_more_is_judged_no_more() -> None:
    """Nor one by another kind that has the rule's name now."""
    line = Timeline(given=declared(params={"value": 9}))
    line.read(1, pulse(1, metrics=logged(acc=1.0, accent=1.0)))
    line.watch.arm(rules(SETTINGS, declared(where={"metric": "accent"}, params={"value": 2})))
    line.read(2, pulse(2, metrics=logged(acc=3.0, accent=3.0)))
    assert [alert.metric for alert in line.alerts] == ["accent"]
    line.watch.arm(rules(SETTINGS, declared(kind="absent", params={"steps": 1, "points": 2})))
    for second in range(3, 60):
        line.read(second, pulse(second, metrics=logged(other=1.0) if second > 8 else logged(acc=9.0)))
    assert "not logged for" in line.alerts[-1].text


def test_what_one_kind_has_learnt_is_nothing_to_another_that_has_its_rules_name() -> None:
    """Though both keep a window of values: of means the one, of the largest the other."""
    line = Timeline(given=declared(kind="loss_spike"))
    line.live(1, 50, metrics=logged(acc=1.0))
    line.watch.arm(rules(SETTINGS, declared(kind="gradient_spike")))
    line.live(50, 53, metrics=logged(acc=1.0))
    rank = line.watch.health.get("run", 0)
    assert rank is not None
    assert rank.memory["mine"].chosen["acc"].dump()["taken"] == 3


def test_a_metric_that_is_no_loss_any_more_is_judged_no_more() -> None:
    """The same number again and again is no fault of what is not minimised."""
    line = Timeline()
    line.read(1, event(1, "metric", perplexity={"role": "loss"}))
    line.live(2, 30, metrics=logged(perplexity=3.0))
    line.read(30, event(30, "metric", perplexity={"hidden": True}))
    line.live(30, 200, metrics=logged(perplexity=3.0))
    assert line.alerts == []
    line.read(200, event(200, "metric", perplexity={"role": "loss"}))
    line.live(200, 300, metrics=logged(perplexity=3.0))
    assert line.said == [("loss_frozen", "firing", 1)]


def test_names_made_of_a_counter_do_not_fill_the_memory() -> None:
    """Of each rule some metrics are judged, the first; names that are not judged are forgotten, too."""
    line = Timeline()
    for second in range(1, 60):
        line.read(second, pulse(second, metrics=logged(**{f"loss/loss_{second}_{n}": 1.0 for n in range(250)})))
    rank = line.watch.health.get("run", 0)
    assert rank is not None
    assert max(len(courses.chosen) for courses in rank.memory.values()) == 200
    assert len(rank.recent) == 200
    assert len(rank.choice.known) <= 10_000 + 250


def test_a_rule_that_judges_no_metric_of_a_rank_is_not_asked() -> None:
    """That is most rules of most runs, at each pulse."""
    line = Timeline()
    line.live(1, 5, metrics=logged(accuracy=1.0))
    rank = line.watch.health.get("run", 0)
    assert rank is not None
    assert (rank.choice.rules, rank.memory) == ([], {})
    line.live(5, 9, metrics=logged(loss=1.0))
    assert {rule.name for rule in rank.choice.rules} == {"loss_frozen", "loss_spike", "divergence"}


def test_a_threshold_that_goes_on_with_a_smaller_window_forgets_the_rest() -> None:
    """The values of a state that is put back may be more."""
    before, after = (Threshold(Threshold.Params(value=1, of="max", window=window)) for window in (5, 2))
    for step, value in enumerate((9.0, 0.0, 0.0, 0.0, 0.0)):
        before.add(point(step, value))
    after.load(before.dump())
    assert not isinstance(after.add(point(5, 0.0)), Sighting)
