"""Rules, acknowledgements and silences through the API and the command line: what of it lies in Kafka."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import serving
from kafka import KafkaProducer
from test_cli import runwire

from runwire.wire import ALERTS, DIRECTIVES, Acknowledgement, Alert, RuleSet, Silence, dumps, loads
from runwire_faust.message import Message
from runwire_server import directives
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

RULES = """
rules:
  - {name: host_lost, enabled: false}
  - name: nonfinite
    actions: [stop, {webhook: "https://user:pa55@example.org/t0ken?key=s3cret"}]
"""


@pytest.fixture
def server(clickhouse: str, kafka: str, tmp_path: Path) -> Iterator[serving.Server]:
    """A server that may direct alerting, over a store that holds an alert; afterwards the rules are as they were."""
    serving.fill(clickhouse, steps=10)
    with serving.running(clickhouse, tmp_path, "--kafka", kafka) as running:
        yield running
    directives.publish(kafka, RuleSet([], "test", time.time_ns() // 1000))


def test_a_file_is_applied_and_its_rules_are_listed_without_secrets(
    server: serving.Server, kafka: str, tmp_path: Path
) -> None:
    """By the command, in place of the standard rules of their names; an address is shown by its host alone."""
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    applied = runwire("rules", "apply", str(file), server=server.url)
    assert (applied.returncode, applied.stdout.partition(";")[0]) == (0, "applied nonfinite, host_lost")
    listed = runwire("rules", "ls", "--json", server=server.url).stdout
    told = {one["name"]: one for one in json.loads(listed)}
    assert told["host_lost"]["enabled"] is False
    assert told["nonfinite"]["actions"] == [{"stop": True}, {"webhook": "https://example.org"}]
    assert told["stalled"]["params"]["after"] == 120
    assert not any(secret in listed for secret in ("pa55", "t0ken", "s3cret"))
    assert [one.name for one in directives.declared(kafka)] == ["host_lost", "nonfinite"]
    assert "nonfinite" in runwire("rules", "ls", server=server.url).stdout


def test_a_file_with_a_mistake_is_refused_with_its_line_and_changes_nothing(
    server: serving.Server, kafka: str, tmp_path: Path
) -> None:
    """By `lint` and `apply` on the spot, and by the API where it is sent all the same."""
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - name: crash\n    for: soon\n")
    for command in ("lint", "apply"):
        refused = runwire("rules", command, str(file), server=server.url)
        assert refused.returncode == 2
        assert f"{file}:3: crash: for: write a time" in refused.stderr
        assert "Traceback" not in refused.stderr
    reply = httpx.put(f"{server.url}/api/rules", json={"text": file.read_text(), "source": "mine"}, timeout=60)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_rules")
    assert reply.json()["error"]["message"].startswith("mine:3: ")
    assert directives.declared(kafka) == []


def test_an_alert_is_shown_acknowledged_and_silenced(server: serving.Server, kafka: str) -> None:
    """By how its id begins; the acknowledgement names its episode; a silence is listed until it is ended."""
    shown = runwire("alerts", "show", "served-al", server=server.url)
    assert "train/loss is NaN" in shown.stdout
    assert runwire("alerts", "ack", "served-al", server=server.url).stdout == "served-alert is yours\n"
    made = json.loads(
        runwire("alerts", "silence", "served-al", "--rule", "non*", "--for", "2h", "--json", server=server.url).stdout
    )[0]
    assert made["match"] == {"alert": "served-alert", "rule": "non*"}
    assert made["until"] - made["at"] == 7200 * 1_000_000
    said = directives._current(kafka)
    ack, silence = said["ack/served-alert"], said[f"silence/{made['id']}"]
    assert isinstance(ack, Acknowledgement)
    assert ack.episode == 1
    assert isinstance(silence, Silence)
    assert made["id"] in runwire("alerts", "silence", "--ls", server=server.url).stdout
    runwire("alerts", "silence", "--end", made["id"], server=server.url)
    assert made["id"] not in runwire("alerts", "silence", "--ls", server=server.url).stdout


def test_what_was_forgotten_is_not_told_any_more(kafka: str) -> None:
    """An empty record takes a silence away, whatever its end."""
    silence = Silence("gone", {"run": "x"}, 1 << 62, "ann", 1)
    directives.publish(kafka, silence)
    assert silence in directives.silences(kafka, 0)
    producer = KafkaProducer(bootstrap_servers=kafka)
    producer.send(DIRECTIVES, key=silence.key.encode(), value=None).get(60)
    producer.close()
    assert silence not in directives.silences(kafka, 0)


def test_what_cannot_be_seen_to_is_refused(server: serving.Server) -> None:
    """An unknown alert, a silence of everything, a time that is none: each says what to do instead."""
    for argv, words in (
        (["alerts", "ack", "nothing"], "there is no alert 'nothing'"),
        (["alerts", "silence"], "a silence of everything is none"),
        (["alerts", "silence", "--run", "x", "--for", "soon"], "--for is 'soon': write a time"),
        (["alerts", "silence", "--end", "zzz"], "there is no silence 'zzz' now"),
    ):
        result = runwire(*argv, server=server.url)
        assert (result.returncode, words in result.stderr) == (2, True), result.stderr


def test_a_server_that_others_reach_takes_nothing_unless_it_is_told_to(
    clickhouse: str, kafka: str, tmp_path: Path
) -> None:
    """Reading goes on; rules, acknowledgements and silences are refused, for there are no users."""
    with serving.running(clickhouse, tmp_path, "--kafka", kafka, "--no-allow-alerts") as server:
        assert httpx.get(f"{server.url}/api/rules", timeout=60).status_code == 200
        refused = httpx.put(f"{server.url}/api/rules", json={"text": ""}, timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "directing_off")
        refused = httpx.post(f"{server.url}/api/silences", json={"match": {"run": "x"}, "seconds": 1}, timeout=60)
        assert refused.status_code == 403


def test_the_store_tells_how_an_alert_stands_and_what_followed(clickhouse: str, tmp_path: Path) -> None:
    """A later record of the same episode: acknowledged, with its ranks, its cascade, and its rule's kind, which is the
    rule's name where the record is older than kinds.
    """
    serving.fill(clickhouse, steps=10)
    alert = Alert(
        id="stands", episode=1, state="firing", rule="mine", kind="nonfinite", severity="critical",
        run=serving.RUN, project="p",
        name="n", host="h", title="t", text="…", fired_at=serving.TIME, version=2, rank=0, value=math.nan,
        ranks="0-63", cascade=[{"id": "x", "rule": "crash", "run": serving.RUN, "ranks": "1", "caused_at": 1}],
        acknowledged_at=serving.TIME + 1, acknowledged_by="ann",
    )  # fmt: skip
    older = dumps({**loads(replace(alert, id="older", rule="crash").encode()), "kind": ""})
    values = (alert.encode(), older, None)  # the last one was forgotten, which the store does not mind
    messages = [Message(ALERTS, 0, number, None, value) for number, value in enumerate(values)]
    assert Ingest(Session(clickhouse, serving._Impatient())).store(messages) == []
    with serving.running(clickhouse, tmp_path / "home") as server:
        [told] = httpx.get(f"{server.url}/api/alerts/stands", timeout=60).json()["episodes"]
        [before] = httpx.get(f"{server.url}/api/alerts/older", timeout=60).json()["episodes"]
        shown = runwire("alerts", "show", "stands", server=server.url)
    assert (told["state"], told["ranks"], told["details"]["acknowledged_by"]) == ("acknowledged", "0-63", "ann")
    assert told["details"]["cascade"][0]["rule"] == "crash"
    assert (told["rule"], told["kind"], before["kind"]) == ("mine", "nonfinite", "crash")
    assert "mine, of kind nonfinite (critical)" in shown.stdout
