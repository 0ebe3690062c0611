"""``runwire up``, ``down`` and ``status``: what a user sees of them, and what must hold when things die."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from parts import until

from runwire_server.local import home as homes
from runwire_server.local import ports, status
from runwire_server.local.errors import HomeError

PROGRAMS = ["kafka", "clickhouse", "stream", "alerting", "server"]


def runwire(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The ``runwire`` command, run to its end."""
    command = [sys.executable, "-m", "runwire", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return str(psutil.Process(pid).status()) != str(psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pids(home: Path) -> list[int]:
    return [row["pid"] for row in homes.state(home)["programs"] if row["pid"]]


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """A start was refused: an exit code, and one clear sentence instead of a traceback."""
    assert done.returncode != 0
    for word in words:
        assert word in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


# The whole of it


def test_all_programs_are_ready_and_found(up: Any) -> None:
    """When `up` says ready, its five programs run, are addressed in up.json and answer there."""
    told = status(up.home)
    assert told.running
    assert told.ready
    assert [program.name for program in told.programs] == ["up", *PROGRAMS]
    assert all(program.state == "ready" and program.pid and program.memory for program in told.programs)
    for address in (up.kafka, up.clickhouse, up.server):
        host, _, port = address.rpartition("/")[2].rpartition(":")
        assert host == "127.0.0.1"
        assert not ports.is_free(int(port))


def test_storing_gives_way_where_processors_are_short(up: Any) -> None:
    """Stream and ClickHouse are nicer than whatever else runs, by themselves and as sessions; alerting is not."""
    programs = {program.name: program.pid for program in status(up.home).programs if program.pid}
    nice = {name: psutil.Process(pid).nice() - psutil.Process(programs["up"]).nice() for name, pid in programs.items()}
    assert nice == {**dict.fromkeys(nice, 0), "stream": 5, "clickhouse": 5}
    if (Path("/proc") / str(programs["stream"]) / "autogroup").exists():
        for name, session in {"stream": "nice 5", "clickhouse": "nice 5", "alerting": "nice 0"}.items():
            assert session in Path(f"/proc/{programs[name]}/autogroup").read_text()


def test_status_speaks_json(up: Any) -> None:
    """`runwire status --json` tells machines the same, as one JSON object."""
    done = runwire("status", "--json", "--home", str(up.home))
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["ready"] is True
    assert [program["name"] for program in told["programs"]] == ["up", *PROGRAMS]


def test_every_program_that_is_killed_comes_back_and_it_is_said(home: Path, start_up: Any) -> None:
    """SIGKILL of each of the five in turn: it is ready again under another process id, Kafka and ClickHouse on the
    same address, and the user is told which one was killed and how.
    """
    pipeline = start_up(home)
    before = (pipeline.kafka, pipeline.clickhouse, pipeline.server)
    for program in PROGRAMS:
        old = pipeline.kill(program)
        assert pipeline.pid(program) != old
        assert re.search(rf"{program} +was killed by SIGKILL; it is started again", pipeline.said.read_text())
    where = homes.addresses(home)
    assert where is not None
    assert (where.kafka, where.clickhouse, where.server) == before
    assert all(program.restarts >= 1 for program in status(home).programs if program.name != "up")


def test_sigkill_of_the_supervisor_leaves_no_orphan_and_nothing_in_the_way(home: Path, start_up: Any) -> None:
    """After kill -9 of the supervisor every program ends, Java too, and the next start on the same home comes up on the
    same ports.
    """
    first = start_up(home)
    left, before = pids(home), homes.addresses(home)
    assert len(left) == len(PROGRAMS)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    until(lambda: not any(alive(pid) for pid in left), "all programs end with their supervisor")
    second = start_up(home)
    after = homes.addresses(home)
    assert before is not None
    assert after == replace(before, server=second.server)  # the server's is told anew with each start


def test_ctrl_c_stops_all_of_it(home: Path, start_up: Any) -> None:
    """Ctrl-C stops every program in order, and `up` ends with 0."""
    pipeline = start_up(home)
    left = pids(home)
    pipeline.process.send_signal(signal.SIGINT)
    assert pipeline.process.wait(60) == 0
    assert not any(alive(pid) for pid in left)
    assert {row["state"] for row in homes.state(home)["programs"]} == {"stopped"}
    assert homes.holder(home) is None


def test_in_the_background_and_down(home: Path) -> None:
    """`up -d` returns when all is ready, leaves it running, and `down` returns when all of it has ended."""
    port = str(ports.free())
    done = runwire("up", "-d", "--home", str(home), "--port", port)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        left = [*pids(home), homes.holder(home)]
        assert len(left) == len(PROGRAMS) + 1
        refused(runwire("up", "-d", "--home", str(home), "--port", port), f"home locked by another up (pid {left[-1]})")
    finally:
        stopped = runwire("down", "--home", str(home))
    assert stopped.returncode == 0
    assert not any(alive(pid) for pid in left if pid)
    assert not status(home).running
    assert runwire("down", "--home", str(home)).returncode == 0  # nothing to stop is no error


def test_servers_that_exist_are_used_and_left_alone(home: Path, kafka: str, clickhouse: str, start_up: Any) -> None:
    """With --kafka and --clickhouse, only the three others are started, and the servers are still there afterwards."""
    pipeline = start_up(home, "--kafka", kafka, "--clickhouse", clickhouse)
    assert (pipeline.kafka, pipeline.clickhouse) == (kafka, clickhouse)
    told = {program.name: program for program in status(home).programs}
    assert [name for name, program in told.items() if program.state == "existing"] == ["kafka", "clickhouse"]
    assert [name for name, program in told.items() if program.pid] == ["up", "stream", "alerting", "server"]
    pipeline.process.terminate()
    assert pipeline.process.wait(60) == 0
    for address in (kafka, clickhouse):
        assert not ports.is_free(int(address.rpartition(":")[2]))


# What keeps it from starting


def test_a_taken_port_is_said_with_its_holder_and_flag(home: Path) -> None:
    """A port that is told and taken: the start is refused, naming port, holder and the flag that helps."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = str(held.getsockname()[1])
        for flag in ("--port", "--kafka-port", "--clickhouse-port"):
            rest = () if flag == "--port" else ("--port", str(ports.free()))
            done = runwire("up", "--home", str(home), flag, port, *rest)
            refused(done, f"Port {port}", f"process {os.getpid()}", flag)


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A home below a plain file: refused, naming the home and --home."""
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "home"
    refused(runwire("up", "--home", str(home), "--port", str(ports.free())), str(home), "--home")


def test_a_disk_that_is_almost_full_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less room on the disk than a start needs, it is refused, with how much there is and what to do."""
    monkeypatch.setattr(homes, "LEAST_FREE", 1 << 60)
    with pytest.raises(HomeError, match=r"The disk of .* has \d+ MB left .* Make room"):
        homes.prepare(home)


def test_no_network_at_the_first_start_is_said(home: Path, tmp_path: Path) -> None:
    """The first start without a way to the Maven repository: refused, with what to do, and nothing is left running."""
    jars = str(tmp_path / "jars")
    port = str(ports.free())
    done = runwire("up", "--home", str(home), "--port", port, RUNWIRE_JARS=jars, HTTPS_PROXY="http://127.0.0.1:1")
    refused(done, "cannot be reached", "Connect this machine to the network")
    assert homes.holder(home) is None


@pytest.mark.parametrize(
    ("flag", "value", "example"),
    [
        ("--kafka", "localhost", "localhost:9092"),
        ("--kafka", "", "localhost:9092"),
        ("--clickhouse", "localhost:8123", "http://localhost:8123"),
        ("--alert-webhook", "ftp://x", "http://"),
        ("--alert-webhook", "https:/x", "http://"),
        ("--kafka-port", "70000", "65535"),
    ],
)
def test_an_address_that_is_none_is_refused(home: Path, flag: str, value: str, example: str) -> None:
    """A flag whose value is no address: refused before anything starts, with what it should look like."""
    refused(runwire("up", "--home", str(home), "--port", str(ports.free()), flag, value), flag, example)


def test_a_server_that_does_not_answer_is_said(home: Path, clickhouse: str) -> None:
    """--kafka with nobody there: the start ends with an exit code and a sentence that names the address."""
    nobody = f"127.0.0.1:{ports.free()}"
    flags = ("--kafka", nobody, "--clickhouse", clickhouse, "--port", str(ports.free()))
    refused(runwire("up", "-d", "--home", str(home), *flags), nobody, "did not answer")
    assert homes.holder(home) is None
