"""Asking runs to stop over HTTP: who may, which runs can be asked, and what then lies in Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import serving
from kafka import KafkaConsumer, TopicPartition

from runwire.wire import ATTEMPT_SHIFT, CONTROL, EVENTS, Event, StopRequest
from runwire_faust.message import Message
from runwire_storage.client import connect
from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest


class _Impatient:
    def wait(self, error: Exception) -> None:
        raise error

    def over(self) -> None:
        pass


@pytest.fixture
def store(clickhouse: str) -> Ingest:
    """What stores events."""
    migrate(connect(clickhouse))
    return Ingest(Session(clickhouse, _Impatient()))


@pytest.fixture
def server(clickhouse: str, kafka: str, store: Ingest, tmp_path: Path) -> Iterator[str]:  # noqa: ARG001 - migrated first
    with serving.running(clickhouse, tmp_path, "--kafka", kafka) as running:
        yield running.url


def begin(store: Ingest, *attempts: int) -> str:
    """Store a run whose ranks began these attempts."""
    run = f"asked-{uuid.uuid4().hex[:8]}"
    tell(store, run, "start", *((rank, attempt) for rank, attempt in enumerate(attempts)))
    return run


def tell(store: Ingest, run: str, kind: str, *ranks: tuple[int, int], **data: object) -> None:
    """Store an event of some ranks' attempts."""
    events = [
        Event(kind, run, rank, (attempt << ATTEMPT_SHIFT) + (1 if kind == "start" else 9), 5, dict(data))  # type: ignore[arg-type]
        for rank, attempt in ranks
    ]
    assert store.store([Message(EVENTS, 0, place, None, event.encode()) for place, event in enumerate(events)]) == []


def stop(server: str, run: str, why: object = None, **headers: str) -> httpx.Response:
    body = {} if why is None else why
    return httpx.post(f"{server}/api/runs/{run}/stop", json=body, headers=headers, trust_env=False, timeout=30)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json()["error"]["hint"]
    return answer.status_code, answer.json()["error"]["code"]


def requests(kafka: str) -> list[StopRequest]:
    """Return all requests of these tests that lie in Kafka."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None)
    place = TopicPartition(CONTROL, 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    end, found = consumer.end_offsets([place])[place], []
    while consumer.position(place) < end:
        for records in consumer.poll(timeout_ms=100).values():
            mine = [record for record in records if record.key.startswith(b"asked-")]  # other tests ask, too
            found += [(record.key, StopRequest.parse(record.value)) for record in mine]
    consumer.close()
    assert all(key == request.run.encode() for key, request in found)
    return [request for _, request in found]


def test_what_is_asked_for_lies_in_kafka_for_all_ranks_that_go_on(server: str, kafka: str, store: Ingest) -> None:
    """Who, why and when; meant is the newest attempt of a rank that has not ended."""
    run = begin(store, 20, 22, 24)
    tell(store, run, "finish", (2, 24), exit_code=0)
    answer = stop(server, run, {"reason": "the loss is flat", "by": "ada@desk"})
    assert answer.status_code == 200, answer.text
    [request] = [request for request in requests(kafka) if request.run == run]
    assert answer.json() == {"run": run, "asked_at": request.asked_at}
    assert (request.attempt, request.by, request.reason) == (22, "ada@desk", "the loss is flat")


def test_a_run_of_which_one_rank_has_crashed_can_be_asked(server: str, kafka: str, store: Ingest) -> None:
    """It is the others that hang."""
    run = begin(store, 20, 20)
    tell(store, run, "lost", (0, 20), reason="killed")
    assert stop(server, run).status_code == 200
    assert [request.by for request in requests(kafka) if request.run == run] == ["somebody"]


def test_who_cannot_be_asked_is_not_asked(server: str, kafka: str, store: Ingest) -> None:
    """A run that has ended or is not there, a prefix, a foreign page, and what is no reason."""
    run = begin(store, 20)
    before = len(requests(kafka))
    assert code(stop(server, run, Origin="http://evil.example")) == (403, "foreign_page")
    assert code(stop(server, run[:-1])) == (404, "no_such_run")
    assert code(stop(server, "a b")) == (422, "invalid_request")
    assert code(stop(server, run, {"reason": "x" * 501})) == (422, "invalid_request")
    assert code(stop(server, run, {"why": "x"})) == (422, "invalid_request")
    plain = httpx.post(f"{server}/api/runs/{run}/stop", content="{}", headers={"Content-Type": "text/plain"})
    assert code(plain) == (422, "invalid_request")
    tell(store, run, "finish", (0, 20), exit_code=0)
    assert code(stop(server, run)) == (409, "run_is_over")
    assert len(requests(kafka)) == before


def test_a_server_that_others_reach_stops_nothing_unless_told(clickhouse: str, store: Ingest, tmp_path: Path) -> None:
    """There are no users: so by default only a server of this machine alone does. And where nobody named Kafka."""
    run = begin(store, 20)
    reached = ("--host", "0.0.0.0")
    for flags, told in ((reached, (403, "stop_off")), (("--no-allow-stop",), (403, "stop_off"))):
        with serving.running(clickhouse, tmp_path, *flags) as server:
            assert code(stop(server.url, run)) == told
    nowhere = ("--kafka", "127.0.0.1:9")
    for flags in ((), (*reached, "--allow-stop"), nowhere):
        with serving.running(clickhouse, tmp_path, *flags) as server:
            assert code(stop(server.url, run)) == (503, "kafka_unavailable")
