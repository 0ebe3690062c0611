"""What the server and the embedded ClickHouse tell of themselves: numbers for Prometheus, and their logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import serving
from parts import ready
from scrape import scrape

from runwire_server.local import ports
from runwire_storage.client import connect


@pytest.fixture(scope="module")
def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    with serving.filled(clickhouse, tmp_path_factory.mktemp("server")) as server:
        yield server


def test_requests_are_counted_by_route_and_status(server: serving.Server) -> None:
    """Whatever run is asked for is one route: no label is what a client wrote."""
    name = "runwire_server_requests_total"
    before = scrape(server.url)
    with httpx.Client(base_url=server.url, trust_env=False) as api:
        for _ in range(3):
            api.get(f"/api/runs/{serving.RUN}")
        strangers = [uuid.uuid4().hex for _ in range(4)]
        for stranger in strangers:
            api.get(f"/api/runs/{stranger}")
            api.get(f"/api/{stranger}")
        api.request("PURGE", "/api/runs")
        api.get("/api/runs", headers={"Host": "evil.example"})
    after = scrape(server.url)

    def more(route: str, status: int) -> float:
        return after.of(name, route=route, status=str(status)) - before.of(name, route=route, status=str(status))

    assert more("/api/runs/{run}", 200) == 3
    assert more("/api/runs/{run}", 404) == 4
    assert more("other", 404) == 4
    assert more("other", 421) == 1
    assert after.of("runwire_server_request_seconds_sum", route="/api/runs/{run}") > 0
    seen = after.of("runwire_server_request_seconds_count", route="/api/runs/{run}")
    assert seen == after.of(name, route="/api/runs/{run}")
    labels = {label for _, labels, _ in after.samples for label in labels.values()}
    assert not labels & {*strangers, "PURGE", "evil.example"}


def test_the_embedded_clickhouse_tells_what_it_inserted(clickhouse: str) -> None:
    """Its numbers, under the names of ClickHouse's servers, rise by what is inserted and fails."""
    client = connect(clickhouse)
    client.command("CREATE TABLE default.told (a Int32) ENGINE = MergeTree ORDER BY a")
    try:
        before = scrape(clickhouse)
        client.command("INSERT INTO default.told SELECT number FROM numbers(1234)")
        with pytest.raises(Exception, match="nowhere"):
            client.query("SELECT nowhere")
        after = scrape(clickhouse)
        events = {"InsertedRows": 1234, "InsertQuery": 1, "FailedQuery": 1}
        assert events == {
            event: after[f"ClickHouseProfileEvents_{event}"] - before[f"ClickHouseProfileEvents_{event}"]
            for event in events
        }
        assert after["ClickHouseMetrics_PartsActive"] > before["ClickHouseMetrics_PartsActive"]
        assert after["ClickHouseMetrics_MemoryTracking"] > 0
    finally:
        client.command("DROP TABLE default.told SYNC")
        client.close()


def test_a_web_page_reads_no_metrics_of_the_embedded_clickhouse(clickhouse: str) -> None:
    """A browser that is sent there by a foreign page is refused, as with queries."""
    request = urllib.request.Request(f"{clickhouse}/metrics", headers={"Origin": "https://evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as reply:
        assert b"ACCESS_DENIED" in reply.read()


PROGRAMS = {
    "server": ("--clickhouse", "http://127.0.0.1:1"),
    "clickhouse": (),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("form", ["json", "logfmt"])
def test_every_line_of_a_log_has_the_form_that_was_asked_for(program: str, form: str, home: Path) -> None:
    """Server and ClickHouse log an event a line, with its time and level first, as JSON or as key=value."""
    home.mkdir()
    argv = [sys.executable, "-m", "runwire", program, "--home", str(home), "--port", str(ports.free())]
    with ready([*argv, *PROGRAMS[program]], home / "log", {"RUNWIRE_LOG_FORMAT": form}) as process:
        process.terminate()
        process.wait(30)
    lines = (home / "log").read_text().splitlines()
    assert lines
    for line in lines:
        if form == "json":
            assert {"timestamp", "level", "event"} <= json.loads(line).keys()
        else:
            assert [word.partition("=")[0] for word in line.split()[:3]] == ["timestamp", "level", "event"]


def test_a_form_that_is_none_is_refused(home: Path) -> None:
    """RUNWIRE_LOG_FORMAT=xml: one sentence that says what it may be."""
    argv = [sys.executable, "-m", "runwire", "server", "--home", str(home), "--clickhouse", "http://127.0.0.1:1"]
    done = subprocess.run(
        argv, env={**os.environ, "RUNWIRE_LOG_FORMAT": "xml"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert done.stderr == "error: RUNWIRE_LOG_FORMAT is 'xml': expected logfmt or json\n"
