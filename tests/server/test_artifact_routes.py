"""`/api/artifacts`: a version by its reference, whatever its project is called, and errors that say what is near."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest
import serving

from runwire.wire import ARTIFACTS, LoggedArtifact
from runwire_faust.message import Message
from runwire_storage.client import connect
from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

DIGEST = sha256(b"x").hexdigest()


@pytest.fixture(scope="module")
def api(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server whose store holds two artifacts."""
    migrate(connect(clickhouse))
    for seq, project in enumerate(("routes", "team/routes ü"), 1):
        told = LoggedArtifact("r", 0, seq, serving.TIME, project, "routed", "model", DIGEST, 1, 1, aliases=["best"])
        message = Message(ARTIFACTS, 0, 0, told.key, told.encode())
        assert Ingest(Session(clickhouse, serving._Impatient())).store([message]) == []
    with (
        serving.running(clickhouse, tmp_path_factory.mktemp("routes")) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("project", ["routes", "team%2Froutes%20%C3%BC", "team/routes ü"])
@pytest.mark.parametrize("word", ["v0", "best", "latest", DIGEST])
def test_a_version_is_found_by_its_reference(api: httpx.Client, project: str, word: str) -> None:
    """By number, alias and digest; a slash in the project may be escaped or not."""
    found = api.get(f"/api/artifacts/{project}/routed:{word}").json()
    assert (found["version"], found["digest"], found["aliases"]) == (0, DIGEST, ["best", "latest"])
    (listed,) = api.get(f"/api/artifacts/{project}/routed").json()["versions"]
    assert listed == found


def test_artifacts_are_listed_by_project_and_type(api: httpx.Client) -> None:
    """And those that a run made, one of them by its place in the run's order."""
    of = {"project": "team/routes ü", "type": "model"}
    assert [one["name"] for one in api.get("/api/artifacts", params=of).json()["artifacts"]] == ["routed"]
    assert api.get("/api/artifacts", params={**of, "type": "other"}).json()["artifacts"] == []
    assert [one["seq"] for one in api.get("/api/runs/r/artifacts").json()["artifacts"]] == [1, 2]
    (one,) = api.get("/api/runs/r/artifacts", params={"rank": 0, "seq": 2}).json()["artifacts"]
    assert (one["project"], one["action"]) == ("team/routes ü", "logged")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("routes/ruoted", "near: routed"),
        ("routes/ruoted:v0", "near: routed"),
        ("routes/routed:v1", "its newest: v0; its aliases: best, latest"),
        ("other/routed:v0", "near: routes/routed, team/routes ü/routed"),
    ],
)
def test_what_is_not_there_is_404_with_what_is_near(api: httpx.Client, path: str, hint: str) -> None:
    """In the one shape of errors."""
    answer = api.get(f"/api/artifacts/{path}")
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["hint"]) == (
        404, "no_such_artifact", hint,
    )  # fmt: skip
