"""Artifacts as the stream stores them: numbers given once, aliases in the log's order, and what queries find."""

from __future__ import annotations

import random
from hashlib import sha256
from typing import Any

import known_runs
import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded

from runwire.wire import ARTIFACTS, EVENTS, Event, LoggedArtifact
from runwire_faust.message import Message
from runwire_storage import queries, removal
from runwire_storage.queries import NoSuchArtifactError
from runwire_stream.ingest import Ingest

_TS = 1_770_000_000_000_000


@pytest.fixture(scope="module")
def ingest(embedded: Embedded, client: Client) -> Ingest:  # noqa: ARG001 - the schema is there
    """What the stream stores with."""
    return known_runs.ingest(embedded.url)


def digest(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def logged(its_name: str, content: str, seq: int, **more: Any) -> Message:
    """A message that says that an artifact was logged."""
    said: dict[str, Any] = {
        "run": "a", "rank": 0, "seq": seq, "ts": _TS + seq, "project": "p", "name": its_name, "type": "model",
        "digest": digest(content), "files": 2, "size": 10,
    }  # fmt: skip
    one = LoggedArtifact(**{**said, **more})
    return Message(ARTIFACTS, 0, 0, one.key, one.encode())


def versions(client: Client, name: str) -> dict[str, int]:
    """The number of each content, from aside."""
    rows = client.query(
        "SELECT digest, version FROM runwire.artifacts WHERE name = {n:String}", {"n": name}
    ).result_rows
    assert len(rows) == len({version for _, version in rows}) == len({digest for digest, _ in rows})
    return dict(rows)


def aliases(client: Client, name: str) -> dict[str, int]:
    sql = "SELECT alias, version FROM runwire.artifact_aliases WHERE name = {n:String}"
    return dict(client.query(sql, {"n": name}).result_rows)


def test_other_content_is_the_next_version_and_the_same_content_is_not(ingest: Ingest, client: Client) -> None:
    """In one batch or several; and `latest` is the one that was logged last, also when it is an old one again."""
    assert ingest.store([logged("numbers", "x", 1), logged("numbers", "y", 2), logged("numbers", "x", 3)]) == []
    assert versions(client, "numbers") == {digest("x"): 0, digest("y"): 1}
    assert aliases(client, "numbers") == {"latest": 0}
    assert ingest.store([logged("numbers", "z", 4), logged("numbers", "y", 5)]) == []
    assert versions(client, "numbers") == {digest("x"): 0, digest("y"): 1, digest("z"): 2}
    assert aliases(client, "numbers") == {"latest": 1}


def test_an_alias_is_where_it_was_put_last(ingest: Ingest, client: Client) -> None:
    """By the order of the log, whatever the clocks of the writers say."""
    ingest.store([logged("moved", "x", 1, aliases=["best", "old"], ts=_TS + 100)])
    ingest.store([logged("moved", "y", 1, run="b", aliases=["best"], ts=_TS - 100)])
    assert aliases(client, "moved") == {"best": 1, "old": 0, "latest": 1}


@pytest.mark.parametrize("seed", range(3))
def test_replays_and_repeats_change_no_number_and_no_alias(ingest: Ingest, client: Client, seed: int) -> None:
    """A log that is read anew from anywhere, by workers that know nothing, and that says things twice."""
    chance = random.Random(seed)
    name = f"replayed-{seed}"
    log: list[Message] = []
    for seq in range(40):
        content, alias = chance.choice("abcdefgh"), chance.choice(["best", "prod", "old"])
        log.append(logged(name, content, seq, run=chance.choice(["a", "b"]), aliases=[alias]))
        if chance.random() < 0.3:
            log.append(chance.choice(log))  # a shipper that was killed says it again, behind others
    once = [LoggedArtifact.parse(message.value or b"") for message in dict.fromkeys(log)]
    contents = dict.fromkeys(one.digest for one in once)
    wanted = {content: version for version, content in enumerate(contents)}
    named = {alias: wanted[one.digest] for one in once for alias in (*one.aliases, "latest")}
    ingest.store(log)
    for _ in range(5):
        assert versions(client, name) == wanted
        assert aliases(client, name) == named
        # A worker reads anew from somewhere; a shipper says some of it again, behind all else.
        at, end = sorted(chance.sample(range(len(log) + 1), 2))
        while at < end:
            size = chance.randint(1, 10)
            known_runs.ingest(_url(client)).store(log[at : min(at + size, end)])
            at += size
    assert versions(client, name) == wanted
    assert aliases(client, name) == named


def test_a_worker_that_wakes_late_writes_what_is_there_already(
    ingest: Ingest, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen between reading and writing while another takes over, it inserts the very rows that the other made."""
    log = [logged("frozen", content, seq) for seq, content in enumerate("xyxzw")]
    ingest.store(log[:1])
    frozen = known_runs.ingest(_url(client))
    held: list[Any] = []
    monkeypatch.setattr(frozen._writer, "artifacts", held.append)
    frozen.store(log[1:4])
    ingest.store(log[:3])
    ingest.store(log[3:])
    before = client.query("SELECT * FROM runwire.stored_artifacts FINAL WHERE name = 'frozen' ORDER BY ALL").result_rows
    ingest._writer.artifacts(held[0])
    after = client.query("SELECT * FROM runwire.stored_artifacts FINAL WHERE name = 'frozen' ORDER BY ALL").result_rows
    assert after == before
    assert versions(client, "frozen") == {digest("x"): 0, digest("y"): 1, digest("z"): 2, digest("w"): 3}


def test_what_was_logged_is_what_is_found(ingest: Ingest, client: Client) -> None:
    """By number, alias and digest, with metadata as they were; the list names the latest."""
    told = {"accuracy": 0.25, "nested": {"a.b": [1, None]}, "day": "2024-01-02", "bad": "NaN"}
    ingest.store([logged("found", "x", 1, metadata=told, aliases=["best"], description="a text", type="data set")])
    ingest.store([logged("found", "y", 2, run="b", size=7, files=1)])
    one = queries.artifact_version(client, "p", "found", "best")
    assert queries.artifact_version(client, "p", "found", "v0") == one
    assert queries.artifact_version(client, "p", "found", digest("x")) == one
    assert (one["version"], one["aliases"], one["digest"], one["run"]) == (0, ["best"], digest("x"), "a")
    assert (one["metadata"], one["description"], one["type"], one["used_by"]) == (told, "a text", "data set", [])
    latest = queries.artifact_version(client, "p", "found", "latest")
    assert [version["version"] for version in queries.artifact(client, "p", "found")] == [1, 0]
    (listed,) = [it for it in queries.artifacts(client, "p") if it["name"] == "found"]
    assert (listed["versions"], listed["version"], listed["size"], listed["files"]) == (2, 1, 7, 1)
    assert latest["version"] == 1
    assert [it["name"] for it in queries.artifacts(client, type="data set")] == []


def test_what_is_not_found_is_named_with_what_is_near(ingest: Ingest, client: Client) -> None:
    """Names of the project, then the same name elsewhere; of a version its newest, and its aliases."""
    ingest.store([logged("digits-model", "x", 1, aliases=["best"]), logged("digits-model", "y", 2)])
    with pytest.raises(
        NoSuchArtifactError, match="Artifact not found: project 'p' has no artifact 'digit-modle'"
    ) as no:
        queries.artifact(client, "p", "digit-modle")
    assert no.value.hint == "near: digits-model"
    with pytest.raises(NoSuchArtifactError, match="project 'q' has no artifact 'digits-model'") as no:
        queries.artifact_version(client, "q", "digits-model", "v0")
    assert no.value.hint == "near: p/digits-model"
    with pytest.raises(NoSuchArtifactError, match="p/digits-model has no version 'v7'") as no:
        queries.artifact_version(client, "p", "digits-model", "v7")
    assert no.value.hint == "its newest: v1, v0; its aliases: best, latest"
    with pytest.raises(NoSuchArtifactError, match="p/digits-model has no version 'bset'"):
        queries.artifact_version(client, "p", "digits-model", "bset")


def test_runs_are_told_with_what_they_made_and_used(ingest: Ingest, client: Client) -> None:
    """And a run that is deleted leaves the versions that it made to those that use them."""
    for run in ("maker", "user"):
        known_runs.tell(ingest, run, "start", _TS, {"project": "p"})
        known_runs.tell(ingest, run, "finish", _TS + 1, {"exit_code": 0})
    ingest.store([logged("kept", "x", 5, run="maker")])
    use = {"project": "p", "name": "kept", "version": 0, "digest": digest("x")}
    known_runs.tell(ingest, "user", "artifact", _TS + 9, use)
    known_runs.tell(ingest, "user", "artifact", _TS + 9, use)
    (made,), (used,) = queries.artifacts_of_run(client, "maker"), queries.artifacts_of_run(client, "user")
    assert (made["action"], made["name"], made["version"], made["type"]) == ("logged", "kept", 0, "model")
    assert (used["action"], used["name"], used["version"], used["size"]) == ("used", "kept", 0, 10)
    assert queries.artifact_version(client, "p", "kept", "v0")["used_by"] == ["user"]
    removal.delete(client, "maker")
    removal.delete(client, "user")
    left = queries.artifact_version(client, "p", "kept", "v0")
    assert (left["run"], left["used_by"]) == ("maker", [])
    assert queries.artifacts_of_run(client, "maker") == queries.artifacts_of_run(client, "user") == []
    ingest.store([logged("kept", "y", 6, run="other")])
    assert versions(client, "kept") == {digest("x"): 0, digest("y"): 1}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "../x"}, "no artifact's name"),
        ({"name": ""}, "no artifact's name"),
        ({"project": ""}, "no project of an artifact"),
        ({"digest": "x"}, "no sha256"),
        ({"aliases": ["v3"]}, "no alias"),
        ({"aliases": ["a b"]}, "no alias"),
        ({"aliases": [digest("x")]}, "no alias"),
        ({"metadata": {"x": "y" * (1 << 18)}}, "at most 262144 bytes"),
        ({"files": -1}, "files is -1"),
        ({"run": "."}, "no run id"),
    ],
)
def test_what_is_no_artifact_is_refused_and_all_else_stored(
    ingest: Ingest, client: Client, changed: dict[str, Any], reason: str
) -> None:
    """Each with its reason, for the dead letters."""
    good, bad = logged("refused", "x", 1), logged("refused", "y", 2, **changed)
    ((message, why),) = ingest.store([bad, good])
    assert message is bad
    assert reason in why
    assert versions(client, "refused") == {digest("x"): 0}


def test_a_use_of_what_is_no_artifact_is_refused(ingest: Ingest) -> None:
    """Its event is a dead letter."""
    use = {"project": "p", "name": "a/b", "version": 0, "digest": digest("x")}
    ((_, why),) = ingest.store([Message(EVENTS, 0, 0, None, Event("artifact", "user", 0, 1, _TS, use).encode())])
    assert "no artifact's name" in why


def _url(client: Client) -> str:
    url = client.url
    assert isinstance(url, str)
    return url
