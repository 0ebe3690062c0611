"""`runwire import tensorboard`: the scalars of event files that TensorBoard's own writer wrote."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts import Pipeline, until
from producers.spooled import logged
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.summary import Writer
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from runwire import _addresses
from runwire.spool import Meta
from runwire.spool.folder import root
from runwire_storage.client import connect

_BEGAN = 1_700_000_000.25


def write(folder: Path, *events: tuple[int, float, Summary.Value]) -> Path:
    """Write values as PyTorch's SummaryWriter does, an event each. Return the file."""
    writer = EventFileWriter(str(folder))
    for step, time, value in events:
        writer.add_event(Event(wall_time=time, step=step, summary=Summary(value=[value])))
    writer.close()
    (path,) = folder.iterdir()
    return path


def scalar(tag: str, value: float) -> Summary.Value:
    return Summary.Value(tag=tag, simple_value=value)


def imported(*words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwire", "import", "tensorboard", *words]
    env = {**os.environ, "RUNWIRE_HOME": str(home), **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def offline(path: Path, home: Path) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[str]]:
    """Import into a home; what the command says of each run."""
    done = imported(str(path), "--json", home=home, RUNWIRE_MODE="offline")
    return json.loads(done.stdout), done


def waiting(run: str, home: Path) -> Path:
    """The spool of a run."""
    (folder,) = (root(home, _addresses.hostname()) / run / "0").iterdir()
    return folder


def rows(run: str, home: Path) -> list[tuple[int, dict[str, float]]]:
    """The rows that wait of a run."""
    return logged(waiting(run, home))


def test_scalars_become_points_with_their_steps_and_times(up: Pipeline, tmp_path: Path) -> None:
    """As they are queried: a float32 is the float64 of the same value, NaN is NaN."""
    write(
        tmp_path / "events",
        (0, _BEGAN, scalar("loss", 0.1)),
        (0, _BEGAN, scalar("lr", 1e-3)),
        (10, _BEGAN + 1, scalar("loss", float("nan"))),
    )
    done = imported(str(tmp_path / "events"), "--project", "old", home=up.home)
    assert done.returncode == 0, done.stderr
    run = done.stdout.split("run ")[1].split(",")[0]
    assert done.stdout == f"{tmp_path / 'events'}: run {run}, 3 scalars\n"
    client = connect(up.clickhouse)
    sql = "SELECT metric, step, value FROM runwire.points WHERE run = {run:String} ORDER BY metric, step"
    until(lambda: len(client.query(sql, {"run": run}).result_rows) == 3, "all points")
    assert repr(client.query(sql, {"run": run}).result_rows) == repr(
        [("loss", 0, float(np.float32(0.1))), ("loss", 10, float("nan")), ("lr", 0, float(np.float32(1e-3)))]
    )
    sql = "SELECT step, toUnixTimestamp64Milli(ts) FROM runwire.steps WHERE run = {run:String} ORDER BY step"
    assert client.query(sql, {"run": run}).result_rows == [(0, 1700000000250), (10, 1700000001250)]
    sql = "SELECT project, name, state FROM runwire.runs WHERE id = {run:String}"
    until(lambda: client.query(sql, {"run": run}).result_rows == [("old", "events", "finished")], "its end")
    client.close()


def test_scalars_that_are_tensors_are_read(tmp_path: Path) -> None:
    """As TensorFlow's and JAX's writers write them; of float32 and float64, as values or as bytes."""
    writer = Writer(str(tmp_path / "own"))
    writer.add_scalar("loss", np.float32(0.1), 3, wall_time=_BEGAN, description="of the batch")
    writer.close()
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    tensors = {
        "single": TensorProto(dtype=1, float_val=[0.5]),
        "double": TensorProto(dtype=2, double_val=[0.1]),
        "bytes": TensorProto(dtype=2, tensor_content=struct.pack("<d", 0.1)),
        "two": TensorProto(dtype=1, float_val=[1.0, 2.0]),
        "text": TensorProto(dtype=7, string_val=[b"1.0"]),
    }
    values = [Summary.Value(tag=tag, metadata=metadata, tensor=tensor) for tag, tensor in tensors.items()]
    write(tmp_path / "types", *((1, _BEGAN, value) for value in values))
    told, done = offline(tmp_path, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    own, types = told
    assert (own["scalars"], types["scalars"], types["left_out"]) == (1, 3, {"scalars": 2})
    assert rows(own["run"], tmp_path / "home") == [(3, {"loss": float(np.float32(0.1)), "_timestamp": _BEGAN})]
    (row,) = rows(types["run"], tmp_path / "home")
    assert row == (1, {"single": 0.5, "double": 0.1, "bytes": 0.1, "_timestamp": _BEGAN})


def test_a_folder_is_a_run_with_all_its_files_in_order(tmp_path: Path) -> None:
    """Files of one folder go on from each other; what is logged of a step is one row, and a step may repeat."""
    logs = tmp_path / "logs"
    first = write(logs / "a" / "x", (0, _BEGAN, scalar("loss", 3.0)), (0, _BEGAN + 1, scalar("acc", 0.5)))
    first.rename(first.with_name("events.out.tfevents.1700000000.host"))
    later = [(0, scalar("loss", 2.0)), (0, scalar("loss", 1.0)), (5, scalar("loss", 0.5))]
    second = write(logs / "later", *((step, _BEGAN + 9, value) for step, value in later))
    second.rename(first.with_name("events.out.tfevents.1700000001.host"))
    write(logs / "b", (7, _BEGAN, scalar("loss", 4.0)))
    write(tmp_path / "own", (9, _BEGAN, scalar("loss", 5.0))).rename(logs / "tfevents")
    told, done = offline(logs, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    folders = [(str(logs), 1), (str(logs / "a" / "x"), 5), (str(logs / "b"), 1)]
    assert [(one["folder"], one["scalars"]) for one in told] == folders
    assert [Meta.read(waiting(one["run"], tmp_path / "home")).name for one in told] == ["logs", "a/x", "b"]
    assert rows(told[1]["run"], tmp_path / "home") == [
        (0, {"loss": 3.0, "acc": 0.5, "_timestamp": _BEGAN + 1}),
        (0, {"loss": 2.0, "_timestamp": _BEGAN + 9}),
        (0, {"loss": 1.0, "_timestamp": _BEGAN + 9}),
        (5, {"loss": 0.5, "_timestamp": _BEGAN + 9}),
    ]


def test_what_is_no_scalar_is_counted_and_said(tmp_path: Path) -> None:
    """Histograms, images and texts are left out; the scalars beside them are not."""
    text = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    write(
        tmp_path / "events",
        (0, _BEGAN, Summary.Value(tag="weights", histo=HistogramProto(min=0, max=1, num=2))),
        (0, _BEGAN, scalar("loss", 1.0)),
        (0, _BEGAN, Summary.Value(tag="sample", image=Summary.Image(height=1, width=1, encoded_image_string=b"png"))),
        (1, _BEGAN, Summary.Value(tag="weights", histo=HistogramProto(min=0, max=1, num=2))),
        (1, _BEGAN, Summary.Value(tag="n", metadata=text, tensor=TensorProto(dtype=7, string_val=[b"hello"]))),
    )
    done = imported(str(tmp_path / "events"), home=tmp_path / "home", RUNWIRE_MODE="offline")
    assert done.returncode == 0
    assert done.stdout.endswith(", 1 scalars; left out: 2 histograms, 1 images, 1 text\n")


@pytest.mark.parametrize(
    ("damage", "kept", "said"),
    [
        ("cut", [0, 1], "is cut short"),
        ("body", [0, 2], "is damaged"),
        ("size", [0], "has no size; the rest of the file is left out"),
    ],
)
def test_a_damaged_file_gives_what_can_be_read_and_is_named(
    tmp_path: Path, damage: str, kept: list[int], said: str
) -> None:
    """A record cut short, as by a kill; one whose body, and one whose size is not as its checksum says."""
    path = write(tmp_path / "events", *((step, _BEGAN, scalar("loss", 1.0)) for step in range(3)))
    content = bytearray(path.read_bytes())
    size = (len(content) - struct.unpack_from("<Q", content)[0] - 16) // 3  # the first record tells the file's version
    middle = len(content) - 2 * size
    if damage == "cut":
        del content[-3:]
    else:
        content[middle + (0 if damage == "size" else 14)] ^= 0xFF
    path.write_bytes(content)
    (told,), done = offline(path, tmp_path / "home")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "wait in" not in line]
    assert line.startswith(f"{path}: the record at byte ")
    assert said in line
    assert told["damaged"] == [str(path)]
    assert [step for step, _ in rows(told["run"], tmp_path / "home")] == kept


def test_what_holds_no_events_is_said(tmp_path: Path) -> None:
    """A path that is not there, a folder without event files, and a name for two runs."""
    for words, said in [
        ((str(tmp_path / "none"),), "there is no such file or folder"),
        ((str(tmp_path),), "holds no event files: TensorBoard's have tfevents in their names"),
    ]:
        done = imported(*words, home=tmp_path / "home")
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    for name in "ab":
        write(tmp_path / name, (0, _BEGAN, scalar("loss", 1.0)))
    done = imported(str(tmp_path), "--name", "one", home=tmp_path / "home")
    assert done.returncode == 2
    assert "--id and --name are of one run, and there are 2" in done.stderr
