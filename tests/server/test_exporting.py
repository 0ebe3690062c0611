"""Export over HTTP and by the command, read by what people read it with."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
import serving
from parts import ready

from runwire_server.local import ports

SNIPPETS = re.findall(
    r"^```python\n(.*?)^```", (Path(__file__).parents[2] / "docs" / "export.md").read_text(), re.DOTALL | re.MULTILINE
)
LOSSES = np.array([serving.loss(step) for step in range(serving.STEPS)])


@pytest.fixture(scope="module")
def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    with serving.filled(clickhouse, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def url(server: serving.Server) -> str:
    return f"{server.url}/api/runs/{serving.NAME}/export"


def runwire(*argv: str, server: serving.Server, **options: Any) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "RUNWIRE_SERVER": server.url}
    command = [sys.executable, "-m", "runwire", *argv]
    return subprocess.run(command, capture_output=True, check=False, env=env, timeout=120, **options)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_docs_snippets_read_a_run(url: str, snippet: str) -> None:
    """pandas, Polars and pyarrow get each point, NaN among them, from the URL as the docs show it."""
    names: dict[str, Any] = {"url": url}
    exec(snippet.replace("val/*", "train/*"), names)
    if "count" in names:
        assert names["count"] == 2 * serving.STEPS
        return
    points = names["points"]
    assert list(points.columns) == ["run", "metric", "rank", "step", "value"]
    assert np.array_equal(points["step"].to_numpy(), np.arange(serving.STEPS))
    assert points["value"].to_numpy().tobytes() == LOSSES.tobytes()
    assert set(points["metric"]) == {"train/loss"}
    assert len(names["curves"]) == serving.STEPS
    assert isinstance(points, (pd.DataFrame, pl.DataFrame))


def test_the_command_writes_whole_files_by_suffix(server: serving.Server, tmp_path: Path) -> None:
    """Parquet, Arrow and CSV hold the same points; a file is there only once it is whole."""
    for suffix in ("parquet", "arrow", "csv"):
        file = tmp_path / f"points.{suffix}"
        done = runwire(
            "export",
            serving.RUN,
            "-m",
            "train/*",
            "--lo",
            "10",
            "--hi",
            "20",
            "--times",
            "-o",
            str(file),
            server=server,
        )
        assert (done.returncode, done.stderr) == (0, b"")
    table = pa.parquet.read_table(tmp_path / "points.parquet")
    assert table["step"].to_pylist() == list(range(10, 20))
    assert table["ts"].cast(pa.int64()).to_pylist() == [serving.TIME + step for step in range(10, 20)]
    assert pa.ipc.open_stream(tmp_path / "points.arrow").read_all().equals(table)
    assert len((tmp_path / "points.csv").read_text().splitlines()) == 11
    assert {file.name for file in tmp_path.iterdir()} == {"points.parquet", "points.arrow", "points.csv"}


def test_the_command_writes_a_wide_table(server: serving.Server, tmp_path: Path) -> None:
    """With --wide each metric is a column beside rank and step; NaN is NaN."""
    file = tmp_path / "curves.parquet"
    done = runwire("export", serving.RUN, "--wide", "--times", "-o", str(file), server=server)
    assert (done.returncode, done.stderr) == (0, b"")
    table = pa.parquet.read_table(file)
    assert table.column_names == ["run", "rank", "step", "ts", "lr", "train/loss"]
    assert table["step"].to_pylist() == list(range(serving.STEPS))
    assert table["train/loss"].to_numpy().tobytes() == LOSSES.tobytes()
    assert table["ts"].cast(pa.int64()).to_pylist() == [serving.TIME + step for step in range(serving.STEPS)]


def test_the_command_writes_to_stdout(server: serving.Server) -> None:
    """``-`` is stdout, for pipes."""
    done = runwire("export", serving.RUN, "--hi", "1", "-o", "-", "--format", "csv", server=server)
    assert done.stdout.decode().splitlines()[0] == '"run","metric","rank","step","value"'
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nobody", "-o", "x.csv"], "no run 'nobody'"),
        ([serving.RUN, "-m", "none*", "-o", "x.csv"], "no metric like none*"),
        ([serving.RUN, "-o", "x.txt"], "x.txt does not say its format"),
        ([serving.RUN, "-o", "-"], "- does not say its format"),
        ([serving.RUN, "-o", "nowhere/x.csv"], "nowhere/x.csv cannot be written"),
        ([serving.RUN, "-o", "x.csv", "--format", "xls"], "format"),
    ],
)
def test_what_cannot_be_exported_is_said_and_leaves_no_file(
    server: serving.Server, tmp_path: Path, argv: list[str], words: str
) -> None:
    """A sentence, exit code 2, and nothing written."""
    done = runwire("export", *argv, server=server, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_reply_breaks_off_where_the_store_does(tmp_path: Path) -> None:
    """A store killed on the way: neither the reader of the URL nor the command takes the part for the whole."""
    port = ports.free()
    command = [sys.executable, "-m", "runwire", "clickhouse", "--home", str(tmp_path), "--port", str(port)]
    with ready(command, tmp_path / "clickhouse.log") as store:
        serving.fill(f"http://127.0.0.1:{port}", steps=1_500_000)
        with serving.running(f"http://127.0.0.1:{port}", tmp_path) as server:
            asked = f"{server.url}/api/runs/{serving.RUN}/export"
            with urllib.request.urlopen(asked) as reply:
                assert reply.read(1000)
                store.kill()
                store.wait()
                with pytest.raises(http.client.IncompleteRead):
                    reply.read()
            file = tmp_path / "points.arrow"
            done = runwire("export", serving.RUN, "-o", str(file), server=server)
            assert done.returncode == 1
            assert b"Traceback" not in done.stderr
            assert not list(tmp_path.glob("points*"))


def test_errors_before_the_first_byte_have_the_one_shape(url: str) -> None:
    """Unknown runs, metrics and formats."""
    answers = {
        url.replace(serving.NAME, "nobody"): (404, "no_such_run"),
        f"{url}?metric=none": (404, "no_such_series"),
        f"{url}?format=xls": (422, "invalid_request"),
        f"{url}?rank=-1": (422, "invalid_request"),
    }
    found = {asked: httpx.get(asked, trust_env=False) for asked in answers}
    assert {asked: (answer.status_code, answer.json()["error"]["code"]) for asked, answer in found.items()} == answers
    with urllib.request.urlopen(f"{url}?format=csv&hi=0") as reply:
        assert reply.headers["Content-Disposition"] == f'attachment; filename="{serving.RUN}.csv"'
