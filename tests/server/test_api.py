"""The HTTP API and the page, asked over HTTP as their users ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import math
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import serving
from parts import until

from runwire_server.api import Settings, create_app
from runwire_server.local import ports

BINARY = "application/vnd.runwire.series"
CURVE = {"run": serving.RUN, "metric": "train/loss", "rank": 0}


@pytest.fixture(scope="module")
def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    with serving.filled(clickhouse, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def api(server: serving.Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def refused(response: httpx.Response, status: int, code: str, *words: str) -> None:
    """An error has the one shape, and says what it is about and what to do."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert error["code"] == code
    for word in words:
        assert word in error["message"]
    assert error["hint"]


def test_a_run_is_listed_and_shown_with_what_it_logged(api: httpx.Client) -> None:
    """Runs, a run by id, prefix and name, and its metrics; the NaN is told with its step."""
    [run] = api.get("/api/runs", params={"project": serving.PROJECT}).json()["runs"]
    assert run["id"] == serving.RUN
    assert (run["state"], run["config"], run["tags"]) == ("running", {"lr": 0.1, "layers": [64, 10]}, ["a b"])
    assert run["last_step"] == serving.STEPS - 1
    assert run["started_at"].endswith("Z")
    for word in (serving.RUN, serving.RUN[:8], serving.NAME):
        assert api.get(f"/api/runs/{word}").json() == run
    metrics = {one["metric"]: one for one in api.get(f"/api/runs/{serving.RUN}/metrics").json()["metrics"]}
    assert set(metrics) == {"train/loss", "lr"}
    assert metrics["train/loss"]["first_nonfinite_step"] == serving.NAN_STEP
    assert (metrics["lr"]["nonfinite"], metrics["lr"]["last"]) == (0, 0.1)


def test_runs_are_filtered_sorted_and_counted(api: httpx.Client) -> None:
    """The filter language, a page of the order, the total behind it, and brief rows."""
    query = f"project = {serving.PROJECT} and min(train/loss) < 0.1 and config.lr = 0.1 and tag:'a b'"
    [run] = (listed := api.get("/api/runs", params={"q": query, "sort": "-lr,name"}).json())["runs"]
    assert (run["id"], run["config"]["lr"], listed["total"]) == (serving.RUN, 0.1, 1)
    [brief] = api.get("/api/runs", params={"q": query, "brief": True}).json()["runs"]
    assert brief == {name: value for name, value in run.items() if name in brief}
    assert not {"config", "summary", "command", "exception"} & set(brief)
    assert api.get("/api/runs", params={"q": query, "offset": 1}).json() == {"runs": [], "total": 1}
    assert api.get("/api/runs", params={"q": f"not ({query}) and id = {serving.RUN}"}).json()["total"] == 0
    refused(api.get("/api/runs", params={"q": "min(loss < 1"}), 400, "bad_filter", "at 10: expected )")
    refused(api.get("/api/runs", params={"sort": "name,"}), 400, "bad_filter", "at 6")
    refused(api.get("/api/runs", params={"q": "name ~ 'a(?=b)'"}), 400, "bad_filter", "cannot search by")


def test_an_alert_is_listed_with_its_nan_as_a_string(api: httpx.Client) -> None:
    """JSON has no NaN: an alert's value is "NaN", and the values before it stand beside."""
    [alert] = api.get("/api/alerts", params={"run": serving.RUN, "state": "firing"}).json()["alerts"]
    assert (alert["rule"], alert["step"], alert["value"]) == ("nonfinite", serving.NAN_STEP, "NaN")
    assert alert["before"] == [[serving.NAN_STEP - 1, 0.5]]
    assert api.get("/api/alerts", params={"run": serving.RUN, "state": "resolved"}).json() == {"alerts": []}


def test_series_as_json_and_as_planes_are_the_same_numbers(api: httpx.Client) -> None:
    """The binary reply, read by the contract alone, holds what the JSON says; planes lie at multiples of 8 bytes."""
    body = {"series": [CURVE, {**CURVE, "metric": "none"}, {**CURVE, "metric": "lr"}], "lo": 10, "columns": 100}
    told = api.post("/api/series", json=body).json()["series"]
    reply = api.post("/api/series", json=body, headers={"Accept": BINARY})
    assert reply.headers["content-type"] == BINARY
    data = reply.content
    assert data[:4] == b"RWS1"
    size = int.from_bytes(data[4:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert [one["metric"] for one in header["series"]] == ["train/loss", "none", "lr"]
    for one, listed in zip(header["series"], told, strict=True):
        assert one["offset"] % 8 == 0
        for place, name in enumerate(header["planes"]):
            plane = struct.unpack_from(f"<{one['n']}d", data, one["offset"] + place * one["n"] * 8)
            assert ["NaN" if math.isnan(value) else value for value in plane] == listed["planes"][name]
        assert {**one, "planes": listed["planes"]} == {**listed, "offset": one["offset"]}
    assert len(data) == header["series"][-1]["offset"] + len(header["planes"]) * header["series"][-1]["n"] * 8
    curve = told[0]
    assert curve["points"] == serving.STEPS - 10
    assert curve["first_nonfinite"] == {"step": serving.NAN_STEP, "kind": "nan"}
    assert curve["planes"]["first"][0] == serving.loss(10)
    assert sum(curve["planes"]["nan"]) == 1
    assert told[1]["n"] == 0


def test_a_curve_over_time_and_against_a_metric(api: httpx.Client) -> None:
    """Columns of microseconds hold the same points; another metric comes in the same columns, in either form."""
    body = {"series": [CURVE], "x": "time", "lo": serving.TIME + 100, "hi": serving.TIME + 200, "columns": 50}
    told = api.post("/api/series", json=body).json()
    [curve] = told["series"]
    assert (told["unit"], curve["level"], curve["points"]) == ("microseconds", 1, 100)
    assert [column << 1 for column in curve["planes"]["column"]] == [serving.TIME + its for its in range(100, 200, 2)]
    assert curve["planes"]["first_step"] == list(range(100, 200, 2))
    body = {"series": [CURVE], "against": "lr", "lo": 0, "hi": 100}
    [curve] = api.post("/api/series", json=body).json()["series"]
    assert curve["against"]["metric"] == "lr"
    assert curve["against"]["planes"]["column"] == curve["planes"]["column"] == list(range(100))
    data = api.post("/api/series", json=body, headers={"Accept": BINARY}).content
    header = json.loads(data[8 : 8 + int.from_bytes(data[4:8], "little")])
    assert [one["metric"] for one in header["series"]] == ["train/loss", "lr"]


def test_ranks_are_pooled_and_told_apart(api: httpx.Client) -> None:
    """One rank is its own pool and matrix; what is asked is validated, and of an unknown run there is nothing."""
    pool = api.get(f"/api/runs/{serving.RUN}/ranks", params={"metric": "lr", "columns": 5}).json()
    assert (pool["ranks"], pool["level"], sum(pool["count"]), set(pool["min"])) == ([0], 10, serving.STEPS, {0.1})
    matrix = api.get(f"/api/runs/{serving.RUN}/matrix", params={"metric": "train/loss", "columns": 5}).json()
    assert (matrix["ranks"], matrix["outliers"], matrix["nonfinite"]) == ([0], [], [[0, 0, 0, 1, 0]])
    assert api.get("/api/runs/nobody/matrix", params={"metric": "lr"}).json()["ranks"] == []
    refused(api.get(f"/api/runs/{serving.RUN}/matrix"), 422, "invalid_request", "metric")
    refused(api.get(f"/api/runs/{serving.RUN}/ranks", params={"metric": "lr", "columns": 0}), 422, "invalid_request")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "series"),
        ({"series": [CURVE], "x": "epoch"}, "x"),
        ({"series": [CURVE], "x": "time", "against": "lr"}, "not both"),
        ({"series": []}, "series"),
        ({"series": [CURVE], "columns": 0}, "columns"),
        ({"series": [CURVE], "columns": 4097}, "columns"),
        ({"series": [CURVE], "lo": 5, "hi": 5}, "lo must be below hi"),
        ({"series": [CURVE], "lo": 2**70}, "lo"),
        ({"series": [{**CURVE, "rank": -1}]}, "rank"),
        ({"series": [{**CURVE, "run": "../x"}]}, "run"),
        ({"series": [{**CURVE, "metric": ""}]}, "metric"),
    ],
)
def test_a_request_that_is_none_is_refused_in_the_one_shape(api: httpx.Client, body: Any, word: str) -> None:
    """What does not validate names the field."""
    refused(api.post("/api/series", json=body), 422, "invalid_request", word)


def test_what_is_not_there_is_an_error_in_the_one_shape(api: httpx.Client) -> None:
    """Unknown paths, methods, runs, and bodies that are no JSON."""
    refused(api.get("/api/nothing"), 404, "not_found", "/api/nothing")
    refused(api.delete("/api/runs"), 405, "method_not_allowed", "DELETE")
    refused(api.get("/api/runs/nobody"), 404, "no_such_run", "nobody")
    refused(api.get("/api/runs/nobody/metrics"), 404, "no_such_run", "nobody")
    refused(api.get("/api/runs?limit=0"), 422, "invalid_request", "limit")
    refused(api.get("/api/alerts?state=odd"), 422, "invalid_request", "state")
    refused(api.post("/api/sql", content=b"{", headers={"Content-Type": "application/json"}), 422, "invalid_request")


def test_sql_answers_rows_and_keeps_what_json_has_no_form_for(api: httpx.Client) -> None:
    """NaN, infinities, big integers, times and nested values come as documented."""
    sql = "SELECT nan AS a, -inf AS b, toUInt128(2) AS c, toDateTime64('2026-01-02 03:04:05', 1, 'UTC') AS d, [1] AS e"
    result = api.post("/api/sql", json={"sql": sql}).json()
    assert [column["name"] for column in result["columns"]] == ["a", "b", "c", "d", "e"]
    assert result["rows"] == [["NaN", "-Infinity", 2, "2026-01-02T03:04:05Z", [1]]]
    assert api.post("/api/sql", json={"sql": "SELECT toUInt128('99999999999999999999')"}).json()["rows"] == [
        ["99999999999999999999"]
    ]
    count = api.post("/api/sql", json={"sql": f"SELECT count() FROM points WHERE run = '{serving.RUN}'"}).json()
    assert count["rows"] == [[2 * serving.STEPS]]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO stored_facts SELECT * FROM stored_facts",
        "DROP TABLE stored_points",
        "SET readonly = 0",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
        "SELECT 1 INTO OUTFILE '/tmp/runwire-outfile'",
        "SELECT 1; DROP TABLE stored_points",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
def test_sql_that_does_more_than_read_is_refused(api: httpx.Client, sql: str) -> None:
    """The engine refuses it, and the points are still there."""
    refused(api.post("/api/sql", json={"sql": sql}), 400, "bad_sql")
    assert not Path("/tmp/runwire-outfile").exists()
    assert len(api.get(f"/api/runs/{serving.RUN}/metrics").json()["metrics"]) == 2


def test_names_that_are_sql_are_only_names(api: httpx.Client) -> None:
    """Values from outside are bound, wherever they go in."""
    evil = "x' OR 1 = 1 OR '"
    assert api.get("/api/runs", params={"project": evil}).json() == {"runs": [], "total": 0}
    assert api.get("/api/alerts", params={"run": evil}).json() == {"alerts": []}
    refused(api.get(f"/api/runs/{evil}"), 404, "no_such_run")
    [one] = api.post("/api/series", json={"series": [{**CURVE, "metric": evil}]}).json()["series"]
    assert one["n"] == 0


def test_only_this_servers_own_names_and_pages_may_ask(api: httpx.Client) -> None:
    """A page that points its own name at this machine, or posts from elsewhere, gets nothing."""
    refused(api.get("/api/runs", headers={"Host": "evil.example"}), 421, "unknown_host", "evil.example")
    refused(
        api.post("/api/sql", json={"sql": "SELECT 1"}, headers={"Origin": "http://evil.example"}),
        403,
        "foreign_page",
        "evil.example",
    )
    assert api.get("/api/runs", headers={"Host": "localhost:7601"}).status_code == 200
    own = {"Origin": str(api.base_url).rstrip("/")}
    assert api.post("/api/sql", json={"sql": "SELECT 1"}, headers=own).status_code == 200


def test_every_answer_has_strict_headers(api: httpx.Client) -> None:
    """Nothing inline, nothing from elsewhere, no sniffing: on data, pages and errors."""
    for response in (
        api.get("/api/runs"),
        api.get("/"),
        api.get("/api/docs"),
        api.get("/api/none"),
        api.get("/", headers={"Host": "x.example"}),
    ):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"


def test_json_is_compressed_where_asked_and_not_sent_twice(server: serving.Server, api: httpx.Client) -> None:
    """Compressed is large JSON alone; an ETag saves sending what the asker has."""
    body = json.dumps({"series": [CURVE], "columns": 4096}).encode()
    request = urllib.request.Request(
        f"{server.url}/api/series", body, {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(response.read()))["series"][0]["points"] == serving.STEPS
    first = api.get("/api/runs", params={"project": serving.PROJECT})
    again = api.get("/api/runs", params={"project": serving.PROJECT}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_api_describes_itself_without_anything_from_elsewhere(api: httpx.Client) -> None:
    """OpenAPI lists the routes with their shapes, and the page of it loads nothing."""
    paths = api.get("/api/openapi.json").json()["paths"]
    assert {"/api/runs", "/api/runs/{run}", "/api/runs/{run}/metrics", "/api/series", "/api/alerts", "/api/sql"} <= set(
        paths
    )
    page = api.get("/api/docs").text
    assert "/api/series" in page
    assert "src=" not in page
    assert "<script" not in page


def test_paths_that_are_none_are_the_pages_own_and_files_outside_are_not_served(api: httpx.Client) -> None:
    """A view's path loads the page; no path leads out of its folder."""
    page = api.get("/")
    assert page.status_code == 200
    assert "<title>Runwire" in page.text
    assert api.get("/r/some-run/charts").text == page.text
    for path in ("/../../pyproject.toml", "/%2e%2e/%2e%2e/pyproject.toml", "/..%2f..%2fapi/app.py"):
        assert api.get(path).text == page.text


def test_an_unbuilt_page_says_how_to_build_it(tmp_path: Path) -> None:
    """Without the built page, `/` says `make page`, and the API is there."""

    async def ask() -> list[httpx.Response]:
        app = httpx.ASGITransport(create_app(Settings("http://127.0.0.1:1", "memory:///", page=tmp_path)))
        async with httpx.AsyncClient(transport=app, base_url="http://localhost") as client:
            return [await client.get(path) for path in ("/", "/r/x", "/healthz")]

    home, view, health = asyncio.run(ask())
    assert "make page" in home.text
    assert "make page" in view.text
    assert health.status_code == 200


def test_without_clickhouse_it_says_so_and_recovers_by_itself(tmp_path: Path) -> None:
    """Asked while the store is away: 503 in the one shape, the page there; once the store comes, answers."""
    port = ports.free()
    with serving.running(f"http://127.0.0.1:{port}", tmp_path) as server, httpx.Client(base_url=server.url) as api:
        assert api.get("/healthz").status_code == 200
        refused(api.get("/readyz"), 503, "store_unavailable", str(port))
        refused(api.get("/api/runs"), 503, "store_unavailable")
        assert api.get("/").status_code == 200
        store = subprocess.Popen(
            [sys.executable, "-m", "runwire", "clickhouse", "--home", str(tmp_path), "--port", str(port)],
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: api.get("/readyz").status_code == 200, "the server finds the store")
            assert api.get("/api/runs").json() == {"runs": [], "total": 0}
        finally:
            store.terminate()
            store.wait(60)
        until(lambda: api.get("/api/runs").status_code == 503, "the server misses the store")
        assert "Traceback" not in server.log.read_text()


def test_it_takes_little_memory_and_never_loads_pandas(server: serving.Server, api: httpx.Client) -> None:
    """After it has answered everything here, it is below 95 MB, and has loaded neither pandas nor pyarrow."""
    api.post("/api/series", json={"series": [CURVE], "columns": 4096})
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 95_000
    loaded = Path(f"/proc/{server.pid}/maps").read_text()
    assert "pandas" not in loaded
    assert "pyarrow" not in loaded


def test_a_body_that_nobody_needs_is_refused_before_all_of_it_is_held(api: httpx.Client) -> None:
    """Whether its size is told or not; a file may be as large as it is."""
    big = b'{"sql": "' + b" " * (5 << 20) + b'"}'
    json_type = {"Content-Type": "application/json"}
    for body in (big, iter([big])):
        refused = api.post("/api/sql", content=body, headers=json_type)
        assert refused.status_code == 413
        assert "4,194,304 bytes" in refused.json()["error"]["message"]
    assert api.put(f"/api/files/{hashlib.sha256(big).hexdigest()}", content=big).status_code == 200


def test_a_range_that_is_no_number_of_a_byte_is_no_range(api: httpx.Client) -> None:
    """More digits than a number may have: the whole file is sent, as for any other header that says nothing."""
    digest = hashlib.sha256(b"hello").hexdigest()
    api.put(f"/api/files/{digest}", content=b"hello").raise_for_status()
    sent = api.get(f"/api/files/{digest}", headers={"Range": f"bytes={'9' * 5000}-"})
    assert (sent.status_code, sent.content) == (200, b"hello")


@pytest.mark.parametrize("way", ["ranks", "matrix"])
def test_steps_that_end_before_they_begin_are_refused_of_ranks_too(api: httpx.Client, way: str) -> None:
    """As of series: an empty answer would look as if nothing was logged there."""
    asked = {"metric": "train/loss", "lo": 10, "hi": 1}
    refused(api.get(f"/api/runs/{serving.RUN}/{way}", params=asked), 422, "invalid_request", "lo must be below hi")
