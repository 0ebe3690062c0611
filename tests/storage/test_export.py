"""Points as Arrow: all of them, once, in order, whichever way they are cut."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_runs import START, ingest, log

from runwire_storage.queries import NoSuchSeriesError, QueryError, export

RUN = "exported"
#: Of several lengths; the second batch of "long" repeats a part with other values.
SERIES: Mapping[tuple[str, int], Mapping[int, float]] = {
    ("a", 0): {3: 1.5, -2: math.nan},
    ("long", 0): {step * 3: float(step) for step in range(-500, 2500)},
    ("long", 1): dict.fromkeys(range(40), -0.0),
    ("val/acc", 0): {step: step / 7 for step in range(1000)},
    ("val/größe", 2): {2**62: math.inf, -(2**62): -math.inf},
}
#: A reader of CSV guesses types, and an empty table gives it nothing to guess by.
NUMBERS = {"rank": pa.uint32(), "step": pa.int64(), "value": pa.float64()}


@pytest.fixture(scope="module")
def client(client: Client, embedded: Embedded) -> Client:
    """The store with two runs in it."""
    writer = ingest(embedded.url)
    log(writer, RUN, ("long", 0), dict.fromkeys(range(0, 300, 3), 0.0))
    for series, points in SERIES.items():
        log(writer, RUN, series, points)
    log(writer, "another", ("a", 0), {0: 2.0})
    return client


def expected(metrics: tuple[str, ...], lo: int, hi: int) -> list[tuple[str, int, int, bytes]]:
    return [
        (metric, rank, step, struct.pack("<d", value))
        for (metric, rank), points in sorted(SERIES.items())
        if metric in metrics
        for step, value in sorted(points.items())
        if lo <= step < hi
    ]


def rows(table: pa.Table) -> list[tuple[str, int, int, bytes]]:
    values = [struct.pack("<d", value) for value in table["value"].to_pylist()]
    return list(
        zip(table["metric"].to_pylist(), table["rank"].to_pylist(), table["step"].to_pylist(), values, strict=True)
    )


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points_max=st.sampled_from([200, 999, 1000, 1 << 20]),
    metrics=st.sets(st.sampled_from([name for name, _ in SERIES]), min_size=1),
    view=st.tuples(st.sampled_from([-(2**63), -2, 0, 30, 1500]), st.sampled_from([-2, 4, 31, 900, 2**63])),
)
def test_points_come_once_and_in_order_however_they_are_cut(
    client: Client, points_max: int, metrics: set[str], view: tuple[int, int]
) -> None:
    """To the bit: short series together, long ones in parts, edges of the view, what was logged twice as the later."""
    chosen = export.chosen(client, RUN, metrics)
    batches = list(export.points(client, RUN, chosen, *view, points_max=points_max))
    table = pa.Table.from_batches(batches, export.schema())
    assert rows(table) == expected(tuple(metrics), *view)
    assert all(batch.num_rows <= max(points_max, 1) for batch in batches)
    assert set(table["run"].to_pylist()) <= {RUN}


def test_points_come_one_by_one_where_no_more_than_one_may(client: Client) -> None:
    """A batch each; of the short series alone, for each point is a query of its own."""
    metrics = ("a", "val/größe")
    batches = list(export.points(client, RUN, export.chosen(client, RUN, metrics), points_max=1))
    assert [batch.num_rows for batch in batches] == [1, 1, 1, 1]
    assert rows(pa.Table.from_batches(batches, export.schema())) == expected(metrics, -(2**63), 2**63)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points_max=st.sampled_from([200, 999, 1 << 20]),
    metrics=st.sets(st.sampled_from([name for name, _ in SERIES]), min_size=1),
    view=st.tuples(st.sampled_from([-(2**63), -2, 0, 1000, 7000]), st.sampled_from([-2, 4, 31, 1050, 2**63])),
)
def test_a_wide_table_has_each_step_once_and_each_value_however_it_is_cut(
    client: Client, points_max: int, metrics: set[str], view: tuple[int, int]
) -> None:
    """To the bit, in the columns of its metrics, by rank and step, with null where nothing was logged: NaN is a value,
    null is none.
    """
    chosen = export.chosen(client, RUN, metrics)
    batches = list(export.wide(client, RUN, chosen, *view, points_max=points_max))
    table = pa.Table.from_batches(batches, export.wide_schema(chosen))
    assert table.column_names == ["run", "rank", "step", *sorted(metrics)]
    found = [
        (
            row["rank"],
            row["step"],
            {name: None if row[name] is None else struct.pack("<d", row[name]) for name in metrics},
        )
        for row in table.to_pylist()
    ]
    wanted: dict[tuple[int, int], dict[str, bytes | None]] = {}
    for metric, rank, step, value in expected(tuple(metrics), *view):
        wanted.setdefault((rank, step), dict.fromkeys(metrics))[metric] = value
    assert found == [(rank, step, values) for (rank, step), values in sorted(wanted.items())]
    assert set(table["run"].to_pylist()) <= {RUN}
    assert all(batch.num_rows * len(metrics) <= max(points_max, len(metrics)) for batch in batches)


def test_a_metric_that_is_called_as_a_column_makes_no_wide_table(client: Client) -> None:
    """It is refused, and it is said which metric it is; ``ts`` is a column only where times are asked for."""
    series = [export.Chosen("step", 0, 1), export.Chosen("loss", 0, 1)]
    with pytest.raises(QueryError, match="metric step is called as a column of the table is"):
        export.wide_schema(series)
    export.wide_schema([export.Chosen("ts", 0, 1)])
    with pytest.raises(QueryError, match="metric ts is called as a column"):
        list(export.wide(client, RUN, [export.Chosen("ts", 0, 1)], times=True))


def test_a_point_whose_step_has_no_time_has_none(client: Client) -> None:
    """Null, not the time of the step beside it."""
    client.command("INSERT INTO stored_points SELECT 'timeless', 'a', 0, number, number, 0, 1 FROM numbers(3)")
    client.command("INSERT INTO stored_points SELECT 'timeless', '_timestamp', 0, 1, 5, 0, 1")
    batches = export.points(client, "timeless", [export.Chosen("a", 0, 3)], times=True)
    table = pa.Table.from_batches(batches, export.schema(times=True))
    assert table["ts"].cast(pa.int64()).to_pylist() == [None, 5_000_000, None]
    for points_max in (1, 10):
        series = [export.Chosen("a", 0, 3)]
        batches = export.wide(client, "timeless", series, times=True, points_max=points_max)
        table = pa.Table.from_batches(batches, export.wide_schema(series, times=True))
        assert table["ts"].cast(pa.int64()).to_pylist() == [None, 5_000_000, None]
        assert table["step"].to_pylist() == [0, 1, 2]


def test_series_are_meant_by_patterns_and_ranks(client: Client) -> None:
    """Names, patterns, ranks; and what matches nothing is said."""

    def names(metrics: tuple[str, ...] = (), ranks: tuple[int, ...] = ()) -> list[tuple[str, int, int]]:
        return [(one.metric, one.rank, one.count) for one in export.chosen(client, RUN, metrics, ranks)]

    assert names() == [(metric, rank, len(points)) for (metric, rank), points in sorted(SERIES.items())]
    assert names(("val/*",)) == [("val/acc", 0, 1000), ("val/größe", 2, 2)]
    assert names(("l?ng", "a"), (1,)) == [("long", 1, 40)]
    with pytest.raises(NoSuchSeriesError, match=r"no metric like x\* on rank 1, 7"):
        names(("x*",), (7, 1))
    with pytest.raises(NoSuchSeriesError, match="run nobody has logged no points"):
        export.chosen(client, "nobody")


@pytest.mark.parametrize("name", export.FORMATS)
def test_every_format_of_a_wide_table_is_read_back_to_the_same_values(client: Client, name: str) -> None:
    """Null and NaN stay apart: in CSV one is empty, the other is ``nan``."""
    chosen = export.chosen(client, RUN, ("a", "long"), (0,))
    kind = export.wide_schema(chosen, times=True)
    batches = list(export.wide(client, RUN, chosen, -2, 4, times=True))
    data = io.BytesIO(b"".join(export.encoded(kind, batches, export.FORMATS[name])))
    if name == "csv":
        assert [line.split(",") for line in data.getvalue().decode().splitlines()] == [
            ['"run"', '"rank"', '"step"', '"ts"', '"a"', '"long"'],
            [f'"{RUN}"', "0", "-2", "2026-01-02 03:04:05.000000Z", "nan", ""],
            [f'"{RUN}"', "0", "0", "2026-01-02 03:04:05.000000Z", "", "0"],
            [f'"{RUN}"', "0", "3", "2026-01-02 03:04:05.000000Z", "1.5", "1"],
        ]
        return
    table = pa.ipc.open_stream(data).read_all() if name == "arrow" else pa.parquet.read_table(data)
    assert table["step"].to_pylist() == [-2, 0, 3]
    assert set(table["ts"].to_pylist()) == {START}
    assert [table["a"][0].as_py() != table["a"][0].as_py(), *table["a"].to_pylist()[1:]] == [True, None, 1.5]
    assert table["long"].to_pylist() == [None, 0.0, 1.0]


@pytest.mark.parametrize("name", export.FORMATS)
def test_every_format_is_read_back_to_the_same_points(client: Client, name: str) -> None:
    """Arrow, Parquet and CSV hold each point to the bit, and of no points make a file with their columns."""
    chosen = export.chosen(client, RUN)

    def written(lo: int | None, hi: int | None) -> pa.Table:
        batches = export.points(client, RUN, chosen, lo, hi, times=True)
        data = io.BytesIO(b"".join(export.encoded(export.schema(times=True), batches, export.FORMATS[name])))
        if name == "arrow":
            return pa.ipc.open_stream(data).read_all()
        if name == "parquet":
            return pa.parquet.read_table(data)
        return pa.csv.read_csv(data, convert_options=pa.csv.ConvertOptions(null_values=[], column_types=NUMBERS))

    table = written(None, None)
    everything = tuple(metric for metric, _ in SERIES)
    assert rows(table) == expected(everything, -(2**63), 2**63)
    if name != "csv":
        assert set(table["ts"].to_pylist()) == {START}
    none = written(5, 5)
    assert (none.num_rows, none.column_names) == (0, ["run", "metric", "rank", "step", "value", "ts"])
