"""A pulse tells of each value once and rightly, however the rows came: mixed key lists, few at a time, with NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwire.shipper.recent import _LIST_BYTES_MAX
from runwire.shipper.vitals import Progress, Vitals
from runwire.shipper.watch import _METRICS_MAX
from runwire.spool import Reader, Rows, Writer
from runwire.wire import MetricPulse, Pulse
from runwire.wire.messages import BEFORE_MAX, encode_pulse
from runwire.wire.names import METRIC_BYTES_MAX

_VALUES = st.one_of(st.floats(-1e9, 1e9), st.sampled_from([math.nan, math.inf, -math.inf]))
_ROW = st.tuples(st.sampled_from(["a", "b", "ab", "ba", "abc"]), st.lists(_VALUES, min_size=3, max_size=3))
#: What is logged between two looks at the spool, and whether a pulse follows.
_LOOKS = st.lists(st.tuples(st.lists(_ROW, max_size=40), st.booleans()), max_size=8)


@dataclass
class _Known:
    """All that was logged of a metric, as (step, value), and how much of it no pulse has told."""

    values: list[tuple[int, float]] = field(default_factory=list)
    told: int = 0
    odd: bool = False

    def summary(self) -> tuple[object, ...]:
        """What a pulse is to tell of the rest, but for the sum."""
        fresh = [value for _, value in self.values[self.told :]]
        finite = [value for value in fresh if math.isfinite(value)]
        return (len(fresh), repr(fresh[-1]), min(finite, default=None), max(finite, default=None), self.first())

    def first(self) -> str | None:
        """The first value of the rest that is not finite, with those before it."""
        for at in range(self.told, len(self.values)):
            if not math.isfinite(self.values[at][1]):
                step, value = self.values[at]
                return repr((step, value, self.values[max(0, at - BEFORE_MAX) : at]))
        return None


#: What a pulse says besides metrics.
_PROCESS = {"run": "r", "rank": 0, "attempt": 7, "project": "p", "name": "n", "host": "h", "pid": 1, "started": 0}
_MOMENT = {"sent": 0, "interval": 1.0, "alive": True, "progressed": 0, "step": None, "steps": 0, "waiting_bytes": 0}


def _told(vitals: Vitals) -> dict[str, MetricPulse]:
    """What readers of the next pulse learn of each metric."""
    return dict(Pulse.parse(encode_pulse(_PROCESS, _MOMENT, vitals.drain())).metrics)


def _summary(pulse: MetricPulse) -> tuple[object, ...]:
    first = pulse.first_nonfinite
    told = None if first is None else repr((first["step"], first["value"], [tuple(pair) for pair in first["before"]]))
    return (pulse.count, repr(pulse.last), pulse.min, pulse.max, told)


@settings(max_examples=300)
@given(looks=_LOOKS)
def test_pulses_tell_what_was_logged(looks: list) -> None:
    """Count, last, extremes, the first NaN with the values before it: as looked up in all that was logged."""
    vitals = Vitals(Progress(None, 0, 0))
    known = {key: _Known() for key in "abc"}
    step = 0
    with TemporaryDirectory() as folder:
        writer, reader = Writer(Path(folder), 7), Reader(Path(folder))
        for rows, pulse in looks:
            news = False
            for keys, values in rows:
                writer.row(tuple(keys), step, step, values[: len(keys)])
                for key, value in zip(keys, values, strict=False):
                    one = known[key]
                    one.values.append((step, value))
                    news |= not math.isfinite(value) and not one.odd
                    one.odd |= not math.isfinite(value)
                step += 1
            urgent = [vitals.add(item) for item in reader.read(gone=False) if isinstance(item, Rows)]
            assert any(urgent) == news, "a metric's first value that is not finite is urgent, and no other"
            if pulse:
                told = _told(vitals)
                fresh = {key: one for key, one in known.items() if len(one.values) > one.told}
                assert {key: _summary(of) for key, of in told.items()} == {k: one.summary() for k, one in fresh.items()}
                for key, one in fresh.items():
                    finite = [value for _, value in one.values[one.told :] if math.isfinite(value)]
                    assert told[key].nonfinite == told[key].count - len(finite)
                    if finite:
                        assert told[key].sum == pytest.approx(math.fsum(finite), rel=1e-9, abs=1e-3)
                    one.odd = len(finite) < told[key].count
                    one.told = len(one.values)
        writer.close()
        reader.close()


def test_names_made_of_a_counter_do_not_fill_the_memory(tmp_path: Path) -> None:
    """Of key lists that are not logged any more, the rows before are forgotten; those of the others are kept."""
    vitals = Vitals(Progress(None, 0, 0))
    writer, reader = Writer(tmp_path, 7), Reader(tmp_path)
    for index in range(20_000):
        writer.row((f"step/{index}",), index, 0, [1.0])
        if index % 1000 == 0:
            writer.row(("loss",), index, 0, [float(index)])
    writer.row(("loss", "step/0"), 20_000, 0, [math.nan, math.nan])
    told = {}
    while items := reader.read(gone=True):
        for item in items:
            assert isinstance(item, Rows)
            vitals.add(item)
        told.update(_told(vitals))
    assert told["loss"].first_nonfinite is not None
    assert told["loss"].first_nonfinite["before"] == [(index, float(index)) for index in range(0, 20_000, 1000)]
    assert told["step/0"].first_nonfinite is not None
    assert told["step/0"].first_nonfinite["before"] == []
    writer.close()
    reader.close()


@pytest.mark.parametrize("count", [1, _METRICS_MAX, 10_000])
def test_metrics_that_become_nan_together_are_told_with_values_before_it_by_pulses_that_kafka_takes(
    tmp_path: Path, count: int
) -> None:
    """The longest names, steps and values there are: each metric is told with what went before, and nothing is too
    large. Of a long row fewer values are kept, for all of them are moved with each row.
    """
    vitals = Vitals(Progress(None, 0, 0))
    length = METRIC_BYTES_MAX if count <= _METRICS_MAX else 32  # a row has a size beyond which it is not taken
    keys = tuple(f"{number:0{length}}" for number in range(count))
    writer, reader = Writer(tmp_path, 7), Reader(tmp_path)
    begin = 2**63 - 100
    for step in range(begin, begin + 40):
        writer.row(keys, step, step, [-1.2345678901234567e-300] * count)
    writer.row(keys, begin + 40, begin + 40, [math.nan] * count)
    while items := reader.read(gone=True):
        for item in items:
            assert isinstance(item, Rows)
            vitals.add(item)
    metrics = vitals.drain()
    assert len(metrics) == count
    for first in range(0, count, _METRICS_MAX):
        part = dict(list(metrics.items())[first : first + _METRICS_MAX])
        value = encode_pulse(_PROCESS, _MOMENT, part)
        assert len(value) < 900_000
        for metric in Pulse.parse(value).metrics.values():
            assert metric.first_nonfinite is not None
            before = metric.first_nonfinite["before"]
            assert [step for step, _ in before] == list(range(begin + 40 - len(before), begin + 40))
            assert len(before) == min(BEFORE_MAX, _LIST_BYTES_MAX // (8 * count + 24))
    writer.close()
    reader.close()
