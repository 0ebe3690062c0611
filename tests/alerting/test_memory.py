"""What is known of ranks outlives the worker: detectors go on where they stopped, at whatever point that was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from timeline import DAWN, FINE, Timeline, event, micros, pulse, told

from runwire.errors import WireError
from runwire.wire import Event, MetricPulse, dumps, loads
from runwire.wire.messages import BEFORE_MAX, Severity
from runwire_alerting import memory, rulesfile
from runwire_alerting import rules as kinds
from runwire_alerting.detectors import Detector, DetectorParams, Point, Sighting, Verdict, Well
from runwire_alerting.health import Rank
from runwire_alerting.rules.detecting import kind


class Rising(Detector):
    """Finds a metric that is above the mean of all its points before."""

    class Params(DetectorParams):
        well_after: int = 1

    name: ClassVar[str] = "rising"
    severity: ClassVar[Severity] = "warning"

    def __init__(self, params: DetectorParams) -> None:
        super().__init__(params)
        self._sum, self._count, self._resumes = 0.0, 0, 0

    def resumed(self) -> None:
        self._resumes += 1

    def _judge(self, point: Point) -> Verdict | None:
        mean = self._sum / self._count if self._count else point.last
        self._sum, self._count = self._sum + point.last, self._count + 1
        if point.last > mean:
            return Sighting(point.last, mean, f"{point.last:g} > {mean:g}")
        return Well(point.last, mean)


@pytest.fixture(autouse=True, scope="module")
def _rising() -> Iterator[None]:
    kinds.KINDS["rising"] = kind(Rising)
    yield
    del kinds.KINDS["rising"]


def line_of(text: str = "name: rising") -> Timeline:
    return Timeline(given=rulesfile.read(f"rules: [{{{text}}}]", "-"))


def logged(value: float) -> dict[str, MetricPulse]:
    return {"loss": MetricPulse(1, value, value, value, value), "acc": FINE}


def rank_of(line: Timeline) -> Rank:
    rank = line.watch.health.get("run", 0)
    assert rank is not None
    return rank


def test_a_detector_judges_the_metrics_that_are_meant() -> None:
    """Losses by name and role where no metric is named, else those that fit; each alert says value and formula."""
    for text, roles, metrics in (
        ("name: rising", {}, {"loss"}),
        ("name: rising", {"acc": {"role": "loss"}}, {"loss", "acc"}),
        ("name: rising, where: {metric: a*}", {}, {"acc"}),
    ):
        line = line_of(text)
        line.read(1, pulse(1, metrics=logged(1.0)), Event("metric", "run", 0, DAWN << 32, micros(1), dict(roles)))
        line.read(2, pulse(2, metrics=logged(1.0)))
        assert set(rank_of(line).memory["rising"].chosen) == metrics
    line = line_of()
    line.read(1, pulse(1, metrics=logged(1.0)))
    line.read(2, pulse(2, metrics=logged(3.0)))
    [alert] = line.alerts
    assert (alert.metric, alert.value, alert.severity, alert.step) == ("loss", 3.0, "warning", 20)
    assert alert.text.endswith("rank 0 on node-1: rising of loss at step 20: 3 > 1.")
    line.read(3, pulse(3, metrics=logged(0.5)))
    assert line.said == [("rising", "firing", 1), ("rising", "resolved", 1)]


def test_a_pulse_that_is_read_again_is_given_to_no_detector_twice() -> None:
    """Nor one that is older; the next attempt goes on with what is known and says so."""
    line = line_of()
    line.read(1, *(pulse(at, metrics=logged(1.0)) for at in (1, 2, 2, 1, 3)))
    detector = rank_of(line).memory["rising"].chosen["loss"]
    assert (detector._count, detector._resumes) == (3, 0)
    line.read(20, pulse(20, attempt=19, metrics=logged(1.0)))
    assert (detector._count, detector._resumes) == (4, 1)
    assert rank_of(line).memory["rising"].chosen["loss"] is detector


def test_everything_that_is_known_of_a_rank_comes_back() -> None:
    """Each field, tags, config and roles, the detectors' states, GPUs, and that it died; what is no such record is
    refused.
    """
    line = line_of()
    line.read(1, event(1, "start", project="p", tags=["a"], config={"lr": 0.1}), event(1, "metric", acc={"role": "x"}))
    line.read(1, event(1, "about", gpus=[{"pci": "00000000:3B:00.0", "index": 0, "uuid": "GPU-1"}]))
    line.read(2, pulse(2, phase="eval", phase_since=micros(1), metrics=logged(1.0)))
    line.read(3, event(3, "lost", reason="killed"))
    before = rank_of(line)
    value = memory.encode(before)
    other = line_of()
    other.watch.restore(value, 0, micros(9))
    after = rank_of(other)
    assert memory.encode(after) == value
    assert (after.facts, after.phase, after.arrived, after.ended) == (before.facts, "eval", micros(2), "killed")
    assert (after.course.deaths, after.course.gpus) == (before.course.deaths, before.course.gpus)
    assert len(after.course.deaths) == len(after.course.gpus) == 1
    assert after.memory["rising"].chosen["loss"]._count == 1
    for bad in (b"no json", b"{}", b'{"v":1}', b'{"v":99}', b"[]"):
        with pytest.raises(WireError):
            other.watch.restore(bad, 0, micros(9))


def test_a_rank_that_was_heard_once_is_kept_within_a_minute_and_only_once() -> None:
    """Whoever falls silent then, or ends by an event alone, is known to the next worker as it was."""
    line = line_of()
    line.read(1, *(pulse(1, rank=rank) for rank in range(300)))
    kept = [rank.rank for second in range(1, 62) for rank in memory.due(line.watch.health, micros(second))]
    assert sorted(kept) == list(range(300))
    line.read(62, event(62, "exception", kind="ValueError"))
    kept = [rank.rank for second in range(62, 200) for rank in memory.due(line.watch.health, micros(second))]
    assert kept == [0]


def test_what_was_sampled_and_how_long_steps_took_comes_back_and_counts_once() -> None:
    """Half an hour of idle GPUs is half an hour, whoever watched; what is read again afterwards adds nothing."""
    line = line_of()
    pulses = [
        pulse(
            at,
            metrics={
                name: MetricPulse(1, 1.0, 1.0, 1.0, 1.0)
                for name in ("system/process/cpu", "system/gpu/0/utilisation", "perf/local_seconds")
            },
        )
        for at in range(0, 700, 10)
    ]
    line.read(1, *pulses)
    other = line_of()
    other.watch.restore(memory.encode(rank_of(line)), 0, micros(700))
    assert (rank_of(other).machine, rank_of(other).pace) == (rank_of(line).machine, rank_of(line).pace)
    other.read(701, *pulses[-12:])
    assert (rank_of(other).machine, rank_of(other).pace) == (rank_of(line).machine, rank_of(line).pace)


def test_of_a_runs_ranks_the_latest_record_tells_of_the_run() -> None:
    """A tag that was taken away does not come back by the record of a rank that ended before, whichever is read first;
    and what another version did not record is as in the beginning.
    """
    line = line_of()
    line.read(1, pulse(1), event(1, "start", project="p", tags=["a", "b"], config={"lr": 0.1}))
    rank_of(line).kept = micros(1)
    early = memory.encode(rank_of(line))
    line.read(2, pulse(2, rank=1), event(2, "tags", tags=[], removed=["a"]), event(2, "config", lr=0.2))
    second = line.watch.health.get("run", 1)
    assert second is not None
    second.kept = micros(2)
    late = memory.encode(second)
    for records in ([early, late], [late, early]):
        other = line_of()
        for record in records:
            other.watch.restore(record, 0, micros(9))
        assert (rank_of(other).facts.tags, rank_of(other).facts.config) == ({"b"}, {"lr": 0.2})
    told = loads(early)
    del told["phases"]
    other.watch.restore(dumps({**told, "rank": 2, "later": 1}), 0, micros(9))
    third = other.watch.health.get("run", 2)
    assert third is not None
    assert (third.phases, third.attempt) == ({}, DAWN)


def test_a_rank_that_is_not_heard_after_a_restart_is_missed() -> None:
    """Its host went while nobody watched, longer ago than pulses are read back: its record alone tells of it, and the
    worker watches other partitions than the first.
    """
    line = Timeline()
    line.live(1, 11)
    value = memory.encode(rank_of(line))
    line.restart()
    line.watch.restore(value, 3, micros(1000))
    for second in range(1000, 1100):
        line.alerts += line.watch.tick(micros(second), {3: micros(1000)})
    assert line.said == [("host_lost", "firing", 1)]
    for second in range(1100, 25 * 3600, 600):
        line.watch.tick(micros(second), {3: micros(1000)})
    assert list(line.watch.health) == []


def test_a_rank_that_cannot_be_written_is_no_reason_to_keep_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """A config nested so deep that it can be read and not written: that rank is named, and the others are kept."""
    line, deep = line_of(), [1]
    for _ in range(300):
        deep = [deep]  # type: ignore[list-item]
    _beat(line, 1)
    line.watch.read([(Event("config", "deep", 7, DAWN << 32, micros(1), {"a": deep}), 0)], micros(1))
    kept = set()
    for second in range(2, 122):
        _beat(line, second)
        kept |= {key for key, _ in memory.records(line.watch.health, micros(second))}
    assert kept == {f"run-{rank}/{rank}".encode() for rank in range(100) if rank != 7}
    assert "run=deep" in capsys.readouterr().out


def _beat(line: Timeline, second: int) -> None:
    line.read(second, *(pulse(second, rank=rank, run="deep" if rank == 7 else f"run-{rank}") for rank in range(100)))


def test_ranks_are_kept_once_a_minute_each_and_not_all_at_once() -> None:
    """A thousand ranks that were found together: about a sixtieth of them each second."""
    line = line_of()
    line.read(0, *(pulse(0, rank=rank) for rank in range(1000)))
    ranks, counts = list(line.watch.health), []
    for second in range(1, 181):
        for rank in ranks:
            rank.fresh = True
        counts.append(len(list(memory.due(line.watch.health, micros(second)))))
    assert sum(counts) in range(2000, 3001)
    assert max(counts) < 60


VALUES = st.lists(st.integers(0, 5), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.sets(st.integers(1, 40), max_size=5), st.integers(1, 5), st.sets(st.integers(1, 40), max_size=3))
@example([0] * 7 + [1, 1, 0], {10}, 4, set())  # over by a word that is read again, with what was before it
def test_a_restart_at_any_point_changes_no_alert(
    values: list[int], kills: set[int], every: int, resumes: set[int]
) -> None:
    """The rank is kept now and then; whoever goes on has the last record and reads the pulses since, and some more."""

    def said(points: set[int]) -> list[tuple[str, int, float | None]]:
        line, kept, attempt = line_of(), None, 0
        pulses = []
        for at, value in enumerate(values, 1):
            attempt = at if at in resumes else attempt
            pulses.append((at, pulse(at, attempt=attempt, metrics=logged(value))))
            line.read(*pulses[-1])
            if at % every == 0:
                kept = memory.encode(rank_of(line))
            if at in points:
                line.restart()
                if kept is not None:
                    line.watch.restore(kept, 0, micros(at))
                for again in pulses if kept is None else pulses[-2 * every :]:
                    line.alerts += line.watch.read([(again[1], 0)], micros(at))
        return [(alert.notice, alert.told_at or 0, alert.value) for alert in told(line.alerts)]

    assert said(kills) == said(set())


def test_what_a_detector_finds_is_told_with_the_values_before_it() -> None:
    """The last values, oldest first, of pulses with the metric; a resumed attempt begins anew."""
    line = line_of()
    for second in range(40):
        line.read(second, pulse(second, step=second, metrics=logged(100.0 - second)))
    line.read(40, pulse(40, step=40, metrics={}))
    [fired] = line.read(41, pulse(41, step=41, metrics=logged(500.0)))
    assert (fired.metric, fired.value) == ("loss", 500.0)
    assert fired.before == [(step, 100.0 - step) for step in range(40 - BEFORE_MAX, 40)]
    assert rank_of(line).recent.keys() == {"loss"}
    line.read(50, pulse(50, attempt=49, step=15, metrics=logged(1.0)))
    assert list(rank_of(line).recent["loss"]) == [(15, 1.0)]
