"""The machine's figures in the store: over time, beside a run's steps, and in the way of none of them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_runs import KnownRun, ingest, log, store

from runwire.wire import METRICS, Frame, encode
from runwire_faust.message import Message
from runwire_storage import queries
from runwire_storage.queries import NoSuchSeriesError, export

RUN = "measured"
#: Milliseconds since the epoch.
NOW = 1_767_323_045_123
LOSS = {step: 1.0 / (step + 1) for step in range(100)}
#: A sample each 15 s with some jitter, for eight hours: more than a bucket of the widest level needs to be stored.
CPU = {NOW + 15_000 * number + number * number % 97: float(number % 101) for number in range(2_000)}


@pytest.fixture(scope="module")
def client(client: Client, embedded: Embedded) -> Client:
    """The store with a run in it that logged 100 steps and was sampled for eight hours."""
    writer = ingest(embedded.url)
    store(writer, [KnownRun(RUN, points={("loss", 0): LOSS}), KnownRun("idle")])
    for rank in (0, 1):
        log(writer, RUN, ("system/cpu", rank), CPU)
    log(writer, "idle", ("system/cpu", 0), {NOW: 5.0})
    return client


def test_a_runs_last_step_and_summary_are_those_of_its_training(client: Client) -> None:
    """One that only was sampled has none, and its samples are not when it was last heard of."""
    measured, idle = (queries.run(client, run) for run in (RUN, "idle"))
    assert (measured["last_step"], idle["last_step"]) == (99, None)
    assert (measured["summary"], idle["summary"]) == ({"loss": LOSS[99]}, {})
    assert measured["seen_at"] < datetime.fromtimestamp(NOW / 1000, timezone.utc).replace(tzinfo=None)


def test_samples_have_no_times_beside_their_steps(client: Client) -> None:
    """The steps of a run are those that it logged; a record that mixes samples with others is the others'."""
    count = "SELECT count() FROM steps WHERE run = {run:String}"
    assert client.query(count, {"run": RUN}).result_rows == [(100,)]
    assert client.query(count, {"run": "idle"}).result_rows == [(0,)]


def test_a_mixed_record_of_another_program_keeps_the_times_of_its_steps(client: Client, embedded: Embedded) -> None:
    """Runwire's own never mix."""
    planes = [array(kind, [value]).tobytes() for kind, value in (("Q", 1), ("q", 3), ("q", 5_000_000), ("d", 0.5))]
    frame = Frame(["loss", "system/cpu"], 1, [*planes, planes[-1]])
    assert not ingest(embedded.url).store([Message(METRICS, 0, 1, None, encode("mixed", 0, [frame]))])
    rows = client.query("SELECT step, toUnixTimestamp(ts) FROM steps WHERE run = 'mixed'").result_rows
    assert rows == [(3, 5)]


def test_metrics_say_what_their_steps_are(client: Client) -> None:
    """Steps of the run, or milliseconds since the epoch."""
    found = {metric["metric"]: metric for metric in queries.metrics(client, RUN)}
    assert {name: metric["axis"] for name, metric in found.items()} == {"loss": "step", "system/cpu": "time"}
    assert (found["system/cpu"]["first_step"], found["system/cpu"]["last_step"]) == (NOW, max(CPU))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    view=st.one_of(
        st.tuples(st.none(), st.none()),
        st.tuples(st.integers(-(10**9), 31_000_000_000), st.integers(1, 31_000_000_000)),
    ),
    columns=st.sampled_from([1, 2, 7, 100, 1000]),
)
def test_samples_over_time_equal_brute_force_at_any_zoom(
    client: Client, view: tuple[int | None, int | None], columns: int
) -> None:
    """In columns of the very same times as metrics that were logged at steps."""
    start, width = view
    lo, hi = (None, None) if start is None or width is None else (NOW * 1000 + start, NOW * 1000 + start + width)
    [found, loss] = queries.timeline(client, [(RUN, "system/cpu", 1), (RUN, "loss", 0)], lo=lo, hi=hi, columns=columns)
    assert found.exact
    groups: dict[int, list[float]] = {}
    first, end = (NOW * 1000, max(CPU) * 1000 + 1) if lo is None or hi is None else (lo, hi)
    for step, value in CPU.items():
        if first <= step * 1000 < end:
            groups.setdefault((step * 1000) >> found.level, []).append(value)
    assert len(groups) <= columns
    assert found.planes["column"].tolist() == sorted(groups)
    for name, of in (("count", len), ("first", lambda its: its[0]), ("last", lambda its: its[-1]), ("sum", sum)):
        assert found.planes[name].tolist() == [of(groups[column]) for column in sorted(groups)]
    for name, of in (("min", min), ("max", max)):
        assert found.planes[name].tolist() == [of(groups[column]) for column in sorted(groups)]
    assert loss.level in {0, found.level} or lo is None


def test_a_wide_table_holds_what_was_logged_at_steps_alone(client: Client) -> None:
    """A row a point holds the samples, too, and tells when they were taken; whoever wants only them wide is told."""
    chosen = export.chosen(client, RUN, stepped=True)
    assert [one.metric for one in chosen] == ["loss"]
    wide = pa.Table.from_batches(export.wide(client, RUN, chosen))
    assert wide.num_rows == len(LOSS)
    with pytest.raises(NoSuchSeriesError, match=f"run {RUN} has no metric like system/\\* that was logged at steps"):
        export.chosen(client, RUN, ["system/*"], stepped=True)
    long = pa.Table.from_batches(export.points(client, RUN, export.chosen(client, RUN), times=True))
    told = _times(long)
    assert told["system/cpu"] == {step: step for step in CPU}
    assert set(told["loss"].values()) == {1_767_323_045_000}  # when `KnownRun`s log


def _times(table: pa.Table) -> Mapping[str, dict[int, int]]:
    """When each step of each metric was, in milliseconds since the epoch."""
    found: dict[str, dict[int, int]] = {}
    columns = (table["metric"].to_pylist(), table["step"].to_pylist(), table["ts"].cast(pa.int64()).to_pylist())
    for metric, step, ts in zip(*columns, strict=True):
        found.setdefault(metric, {})[step] = ts // 1000
    return found
