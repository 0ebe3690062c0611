"""The rule for values that are to be the same on all ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from timeline import Timeline, micros, pulse

from runwire_alerting.declarations import Declaration


def train(
    line: Timeline, begin: int, end: int, *values: Callable[[int], float], metric: str = "grad_norm", **more: Any
) -> None:
    """Let ranks train, each of which tells a second of the value that it has at that second's step."""
    for second in range(begin, end):
        for rank, value in enumerate(values):
            told = {metric: (second * 10, value(second))}
            line.read(second, pulse(second, rank=rank, host=f"node-{rank}", replicated=told, **more))
        line.tick(second)


def norm(second: int) -> float:
    """A norm as training goes."""
    return 1.0 + math.sin(second)


def broken(since: int, until: float = math.inf, by: float = 1.01) -> Callable[[int], float]:
    """A norm of a rank that goes wrong for a while."""
    return lambda second: norm(second) * (by if since <= second < until else 1.0)


def test_the_rank_that_differs_from_its_peers_is_named_until_it_does_not() -> None:
    """With the first step, its value and theirs; three steps of agreement are well."""
    line = Timeline()
    train(line, 0, 60, norm, norm, broken(20, 40), norm)
    assert line.said == [("replicas_disagree", "firing", 1), ("replicas_disagree", "resolved", 1)]
    alert, end = line.alerts[0], line.alerts[-1]
    assert (alert.rank, alert.host, alert.metric, alert.step) == (2, "node-2", "grad_norm", 200)
    assert (alert.severity, alert.value) == ("critical", norm(20) * 1.01)
    assert alert.title == "bold-mlp: grad_norm of rank 2 is not that of the others"
    assert alert.text.endswith(
        f"grad_norm is {norm(20) * 1.01!r} at step 200, and {norm(20)!r} on 3 other ranks. Since then rank 2 of 4 "
        "differ."
    )
    assert (alert.fired_at, end.resolved_at) == (micros(25), micros(45))


def test_nan_and_infinity_differ_from_numbers_and_not_from_themselves() -> None:
    """Whatever NaN it is; a difference to infinity is no share of anything."""
    for odd in (math.nan, math.inf):
        line = Timeline()
        train(line, 0, 20, lambda _: 1.0, lambda _: 1.0, lambda _, odd=odd: odd)  # type: ignore[misc]
        assert [(alert.rule, alert.rank) for alert in line.alerts] == [("replicas_disagree", 2)]
        line = Timeline()
        train(line, 0, 20, *[lambda _, odd=odd: odd * 1.0] * 3)  # type: ignore[misc]
        assert line.alerts == []
        train(line, 0, 20, lambda _: 1.0, *[lambda _, odd=odd: odd * 1.0] * 2, run="other")  # type: ignore[misc]
        assert [alert.rank for alert in line.alerts] == [0]


def test_what_differs_by_a_millionth_or_for_two_steps_or_is_told_by_one_rank_is_no_disagreement() -> None:
    """GPUs may round differently; what is broken stays so; and a rank alone has no peers."""
    line = Timeline()
    train(line, 0, 60, norm, norm, broken(20, by=1 + 1e-7))
    train(line, 0, 60, norm, norm, broken(20, 22), run="short")
    train(line, 0, 60, broken(20), run="alone")
    for second in range(60):
        line.read(second, pulse(second, "first", replicated={"loss": (second, 1.0)}), pulse(second, "first", rank=1))
        line.tick(second)
    assert line.alerts == []


def test_a_tolerance_of_zero_is_to_the_bit_and_metrics_can_be_chosen() -> None:
    """The last bit of a number; another metric than the rule's is not judged."""
    given = [Declaration.model_validate({"name": "replicas_disagree", "where": {"metric": "grad*"},
        "params": {"tolerance": 0}})]  # fmt: skip
    line = Timeline(given=given)
    train(line, 0, 20, norm, norm, lambda second: math.nextafter(norm(second), 9))
    train(line, 0, 20, norm, norm, broken(0), run="other", metric="loss")
    assert [(alert.run, alert.rank) for alert in line.alerts] == [("run", 2)]


def test_of_two_ranks_it_is_not_told_which_one_is_wrong() -> None:
    """One is named, and that this says nothing."""
    line = Timeline()
    train(line, 0, 20, broken(5), norm)
    [alert] = line.alerts
    assert alert.rank == 1
    assert alert.text.endswith("on 1 other rank. Since then rank 1 of 2 differ. Which of them is wrong is not to be "
        "told from here.")  # fmt: skip


@pytest.mark.parametrize("attempt", [0, 60])
def test_steps_that_come_again_are_not_compared_with_what_they_were(attempt: int) -> None:
    """Ranks that go back, or are started anew, bring other values, before their peers do."""
    line = Timeline()
    train(line, 0, 60, norm, norm, norm)
    for second in range(60, 80):
        again = {"grad_norm": ((second - 10) * 10, 7.0)}
        for rank in (0, 2):
            line.read(second, pulse(second, rank=rank, attempt=attempt, replicated=again))
        line.tick(second)
    assert line.alerts == []


def test_ranks_that_tell_of_other_steps_now_and_then_are_compared_in_those_that_they_share() -> None:
    """And a worker that is killed tells nothing twice."""
    line = Timeline()
    bad = broken(20)
    for second in range(60):
        for rank, value in enumerate((norm, norm, bad)):
            step = second + (rank == second % 3)
            line.read(second, pulse(second, rank=rank, replicated={"grad_norm": (step, value(step))}))
        line.tick(second)
        if second in (25, 40):
            line.restart()
    assert [(alert.rule, alert.rank, alert.state) for alert in line.alerts] == [("replicas_disagree", 2, "firing")]


def test_a_resume_or_the_end_resolves_it() -> None:
    """What follows is compared anew."""
    line = Timeline()
    train(line, 0, 20, norm, norm, broken(0))
    train(line, 20, 22, norm, norm, norm, attempt=20)
    assert line.said == [("replicas_disagree", "firing", 1), ("replicas_disagree", "resolved", 1)]
    train(line, 22, 40, norm, norm, broken(0), attempt=20)
    train(line, 40, 42, norm, norm, broken(0), attempt=20, alive=False, ended="finished")
    assert line.said[2:] == [("replicas_disagree", "firing", 2), ("replicas_disagree", "resolved", 2)]


def test_several_metrics_that_differ_are_one_alert() -> None:
    """What one rank computes wrongly shows in each."""
    line = Timeline()
    for second in range(30):
        for rank, value in enumerate((norm, norm, broken(5))):
            told = {name: (second, value(second)) for name in ("grad_norm", "param_norm")}
            line.read(second, pulse(second, rank=rank, replicated=told))
        line.tick(second)
    assert [alert.metric for alert in line.alerts] == ["grad_norm"]
