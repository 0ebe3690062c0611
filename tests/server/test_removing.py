"""Deleting over HTTP and by the command; retention by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import serving
from parts import ready

from runwire_server.local import ports
from runwire_storage.client import connect
from runwire_storage.schema import DATABASE


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[str]:
    """A store of the test's own, for things are taken from it, that holds a run."""
    port = ports.free()
    command = [sys.executable, "-m", "runwire", "clickhouse", "--home", str(tmp_path), "--port", str(port)]
    with ready(command, tmp_path / "clickhouse.log"):
        url = f"http://127.0.0.1:{port}"
        serving.fill(url)
        yield url


def finish(clickhouse: str) -> None:
    """Let the run have ended, in 2023."""
    client = connect(clickhouse)
    client.command(
        f"INSERT INTO {DATABASE}.stored_facts VALUES "
        f"('{serving.RUN}', 0, 'state', 'state', '\"finished\"', '2023-11-14 22:13:20', 2)"
    )
    client.close()


def runwire(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwire", *argv]
    said = {**os.environ, **env}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=said, input="n\n", timeout=120)


def test_a_run_is_deleted_over_http_by_its_whole_id(clickhouse: str, tmp_path: Path) -> None:
    """Not by a prefix, not while it runs unless forced, not by a foreign page; and twice is no error."""
    with serving.running(clickhouse, tmp_path) as server, httpx.Client(base_url=server.url, trust_env=False) as api:
        run = f"/api/runs/{serving.RUN}"

        def told(response: httpx.Response) -> tuple[int, str]:
            return response.status_code, response.json()["error"]["code"]

        assert told(api.delete(run)) == (409, "run_is_running")
        assert told(api.delete(f"/api/runs/{serving.RUN[:-1]}")) == (404, "no_such_run")
        assert told(api.delete("/api/runs/a b")) == (422, "invalid_request")
        foreign = {"Origin": "http://evil.example"}
        assert told(api.delete(run, params={"force": True}, headers=foreign)) == (403, "foreign_page")
        assert api.get(run).status_code == 200
        deleted = {"run": serving.RUN, "points": 2 * serving.STEPS}
        assert api.delete(run, params={"force": True}).json() == deleted
        assert told(api.get(run)) == (404, "no_such_run")
        assert api.get("/api/alerts", params={"run": serving.RUN}).json() == {"alerts": []}
        assert api.delete(run).json() == {**deleted, "points": 0}


def test_a_server_that_others_reach_deletes_nothing_unless_told(clickhouse: str, tmp_path: Path) -> None:
    """There are no users: so by default only a server of this machine alone deletes."""
    for flags, status in ((("--host", "0.0.0.0"), 403), (("--host", "0.0.0.0", "--allow-delete"), 404)):
        with serving.running(clickhouse, tmp_path, *flags) as server:
            answer = httpx.delete(f"{server.url}/api/runs/nobody", trust_env=False)
            assert answer.status_code == status, answer.text
            assert answer.json()["error"]["hint"]
    with serving.running(clickhouse, tmp_path, "--no-allow-delete") as server:
        answer = httpx.delete(f"{server.url}/api/runs/nobody", trust_env=False)
        assert answer.json()["error"]["code"] == "deletion_off"


def test_the_command_asks_before_it_deletes(clickhouse: str, tmp_path: Path) -> None:
    """No is no; --yes does not ask; what runs needs --force; what was deleted may be deleted again."""
    with serving.running(clickhouse, tmp_path) as server:
        where = {"RUNWIRE_SERVER": server.url}
        asked = runwire("delete", serving.NAME, **where)
        assert asked.returncode == 1
        assert f"Delete {serving.NAME} ({serving.RUN}), running" in asked.stderr
        refused = runwire("delete", serving.NAME, "--yes", **where)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "is running" in refused.stderr
        done = runwire("delete", serving.NAME, "--yes", "--force", **where)
        assert (done.returncode, done.stdout) == (0, f"deleted {serving.RUN}: {2 * serving.STEPS:,} points\n")
        again = runwire("delete", serving.RUN, "--json", **where)
        assert json.loads(again.stdout) == {"run": serving.RUN, "points": 0}
        unknown = runwire("delete", "nobody", **where)
        assert unknown.returncode == 2
        assert "no run 'nobody'" in unknown.stderr


def test_retention_tells_what_would_go_and_then_lets_it_go(clickhouse: str, tmp_path: Path) -> None:
    """A run that goes on is left alone; a dry run changes nothing; then points go and the curve stays."""
    where = {"RUNWIRE_CLICKHOUSE": clickhouse}
    argv = ("retention", "--points-older-than", "90d", "--project", serving.PROJECT)
    assert "removed 0 points of 0 runs" in runwire(*argv, **where).stdout
    finish(clickhouse)
    assert "removed 0 points of 0 runs" in runwire(*argv, "tag:none", **where).stdout
    [would] = json.loads(runwire(*argv, "--dry-run", "--json", **where).stdout)["runs"]
    assert would["run"] == serving.RUN
    assert 9000 < would["points"] < 2 * serving.STEPS
    done = runwire(*argv, **where)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{serving.RUN}: {would['points']:,} points\n" in done.stdout
    client = connect(clickhouse)
    left = client.query(f"SELECT count() FROM {DATABASE}.points WHERE run = '{serving.RUN}'").result_rows
    assert left == [(2 * serving.STEPS - would["points"],)]
    client.close()
    with serving.running(clickhouse, tmp_path) as server:
        gone = httpx.get(f"{server.url}/api/runs/{serving.RUN}/export", trust_env=False)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "points_expired")


@pytest.mark.parametrize("age", ["7d", "soon", "90", "-90d", "999999999w"])
def test_an_age_that_is_none_or_too_young_is_refused(age: str) -> None:
    """What is younger than Kafka's retention could come again in parts."""
    refused = runwire("retention", f"--points-older-than={age}", RUNWIRE_CLICKHOUSE="http://127.0.0.1:1")
    assert refused.returncode == 2
    assert "at least 8d" in refused.stderr
