from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.wire import ALERTS, EVENTS, METRICS, Alert, Event, Frame, dumps, encode, loads
from runwire_faust.message import Message
from runwire_storage.schema import TIME
from runwire_stream.decode import gather
from runwire_stream.facts import facts

GOOD = encode(
    "run",
    3,
    [
        Frame(
            ["a", "b"],
            2,
            [
                np.array(plane, kind).tobytes()
                for plane, kind in (
                    ([1, 2], "u8"),
                    ([10, 11], "i8"),
                    ([7, 8], "i8"),
                    ([0.5, 1.5], "f8"),
                    ([2.5, 3.5], "f8"),
                )
            ],
        ),
        Frame(
            ["b"],
            1,
            [
                np.array(plane, kind).tobytes()
                for plane, kind in (([3], "u8"), ([12], "i8"), ([9], "i8"), ([4.5], "f8"))
            ],
        ),
    ],
)
EVENT = Event("start", "run", 0, 1, 1, {"project": "p", "config": {"a": 1}, "tags": ["t"]}).encode()
ALERT = Alert("i", 1, "firing", "crash", "info", "run", "p", "n", "h", "t", "t", 1, 1).encode()

_OTHERS: list[Any] = [None, 1, -1, 2**63, 2**64 - 1, 0.5, "", "NaN", [], [1], [[1, 2]], {}, {"a": "b"}, {"a": {}}, True]


def record(topic: str, value: bytes | None, offset: int = 0) -> Message:
    return Message(topic, 0, offset, b"k", value)


def test_frames_become_columns() -> None:
    """Each value stands beside its row's step and seq, and beside its own series, over frames that share keys."""
    batch = gather([record(METRICS, GOOD)])
    assert batch.names == [("run", "a", 3), ("run", "b", 3), ("run", TIME, 3)]
    rows = batch.points[["series", "position", "value", "seq"]].tolist()
    assert sorted(rows) == [
        (0, 10, 0.5, 1), (0, 11, 1.5, 2),
        (1, 10, 2.5, 1), (1, 11, 3.5, 2), (1, 12, 4.5, 3),
        (2, 10, 7e-6, 1), (2, 11, 8e-6, 2), (2, 12, 9e-6, 3),
    ]  # fmt: skip


def test_a_time_that_the_training_logs_itself_is_kept() -> None:
    """Who logs `_timestamp` says when it was; the row's own time does not replace it."""
    planes = [
        np.array(plane, kind).tobytes() for plane, kind in (([1], "u8"), ([5], "i8"), ([7], "i8"), ([99.5], "f8"))
    ]
    batch = gather([record(METRICS, encode("run", 0, [Frame([TIME], 1, planes)]))])
    assert batch.names == [("run", TIME, 0)]
    assert batch.points["value"].tolist() == [99.5]


@given(
    st.sampled_from([(METRICS, GOOD), (EVENTS, EVENT), (ALERTS, ALERT)]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 300),
)
def test_damage_is_refused_and_nothing_else_is(good: tuple[str, bytes], flips: list[tuple[int, int]], cut: int) -> None:
    """Whatever bytes come, they are stored or refused with a reason; the good records around them are stored."""
    topic, value = good
    damaged = bytearray(value[: len(value) - cut])
    for place, byte in flips:
        if damaged:
            damaged[place % len(damaged)] = byte
    records = [record(METRICS, GOOD), record(topic, bytes(damaged), 1), record(METRICS, GOOD, 2)]
    batch = gather(records)
    assert [refused.offset for refused, _ in batch.refused] in ([], [1])
    assert all(reason for _, reason in batch.refused)
    assert len(batch.points) >= 10


@given(st.sampled_from([(EVENTS, EVENT), (ALERTS, ALERT)]), st.data())
def test_json_of_another_shape_is_refused(good: tuple[str, bytes], data: st.DataObject) -> None:
    """A member that is missing or of another type: stored or refused with a reason, and never an end of the worker."""
    topic, value = good
    fields = loads(value)
    name = data.draw(st.sampled_from(sorted(fields)))
    other = data.draw(st.sampled_from(_OTHERS))
    changed = {**fields, name: other}
    if data.draw(st.booleans()):
        del changed[name]
    batch = gather([record(topic, dumps(changed))])
    assert len(batch.refused) in {0, 1}
    assert bool(batch.refused) != bool(batch.facts or batch.alerts)


def test_an_episode_beyond_the_column_is_refused() -> None:
    """It would otherwise fail the batch that it is in, again after each restart."""
    batch = gather([record(ALERTS, dumps({**loads(ALERT), "episode": 2**32}))])
    assert [why for _, why in batch.refused] == ["episode is 4294967296, the store holds up to 4294967295"]


def test_a_record_without_a_value_is_refused() -> None:
    """Kafka allows it; the contract does not, but for an alert that alerting has forgotten."""
    batch = gather([record(topic, None) for topic in (METRICS, EVENTS, ALERTS)])
    assert [(message.topic, why) for message, why in batch.refused] == [
        (METRICS, "it has no value"), (EVENTS, "it has no value"),
    ]  # fmt: skip
    assert batch.alerts == []


@pytest.mark.parametrize(
    ("odd", "path"),
    [
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, f"odd{'.a' * 200}"),
        (b'{"a":' + b"[" * 1000 + b"1" + b"]" * 1000 + b"}", "odd.a"),
        (b'{"%b":{%b}}' % (b"k" * 20_000, b",".join(b'"%x":1' % one for one in range(10_000))), f"odd.{'k' * 508}…"),
    ],
    ids=["objects", "lists", "long"],
)
def test_a_config_nested_too_deep_or_named_too_long_is_stated_in_part_and_all_else_of_it_whole(
    odd: bytes, path: str
) -> None:
    """Whoever can write to Kafka can send one, deeper than Python calls, or of 200 MB when it is flat."""
    start = b'{"v":1,"type":"start","run":"odd","rank":0,"seq":4294967297,"ts":1,"data":{"host":"h","config":%b}}'
    batch = gather([record(EVENTS, start % (b'{"lr":0.1,"odd":%b,"seed":3}' % odd)), record(METRICS, GOOD, 1)])
    assert batch.refused == []
    stated = {(fact.kind, fact.key): fact.value for fact in batch.facts}
    config = {key: value for (kind, key), value in stated.items() if kind == "config"}
    assert config.keys() == {"lr", path, "seed"}
    assert (config["lr"], config["seed"], config[path].strip("[]")) == ("0.1", "3", '"…"')
    assert (stated["run", "host"], stated["state", "state"]) == ('"h"', '"running"')
    assert len(batch.points) == 8


def test_a_start_states_all_that_is_known() -> None:
    """Data are facts of the run, config is flat, and an earlier attempt's end is past."""
    data = {
        "project": "p",
        "host": "h",
        "config": {"opt": {"lr": 0.1, "betas": [0.9, "NaN"], "more": {}}, "x": None},
        "tags": ["a", "b"],
    }
    said = facts(Event("start", "run", 2, (5 << 32) + 1, 99, data))
    assert {(fact.kind, fact.key): fact.value for fact in said} == {
        ("run", "project"): '"p"',
        ("run", "host"): '"h"',
        ("run", "started_at"): "99",
        ("run", "attempt"): "5",
        ("config", "opt.lr"): "0.1",
        ("config", "opt.betas"): '[0.9,"NaN"]',
        ("config", "opt.more"): "{}",
        ("config", "x"): "null",
        ("tag", "a"): "true",
        ("tag", "b"): "true",
        ("state", "state"): '"running"',
        ("state", "exit_code"): "null",
        ("state", "exception"): "null",
        ("state", "stop"): "null",
    }
    assert {(fact.run, fact.rank, fact.ts, fact.seq) for fact in said} == {("run", 2, 99, (5 << 32) + 1)}


@pytest.mark.parametrize(
    ("kind", "data", "stated"),
    [
        ("finish", {"exit_code": 0}, {("state", "state"): '"finished"', ("state", "exit_code"): "0"}),
        ("finish", {"exit_code": 3}, {("state", "state"): '"failed"', ("state", "exit_code"): "3"}),
        ("lost", {"reason": "killed"}, {("state", "state"): '"crashed"', ("state", "reason"): '"killed"'}),
        (
            "finish",
            {"exit_code": 1, "stopped": True},
            {("state", "state"): '"stopped"', ("state", "exit_code"): "1"},
        ),
        (
            "lost",
            {"reason": "SIGTERM", "stopped": True},
            {
                ("state", "state"): '"stopped"',
                ("state", "reason"): '"SIGTERM"',
                ("state", "stop"): '{"reason":"SIGTERM"}',
            },
        ),
        ("stopping", {"by": "a", "reason": "b"}, {("state", "stop"): '{"by":"a","reason":"b"}'}),
        ("planned_stop", {"reason": "time limit", "until": 9}, {("state", "stop"): '{"reason":"time limit"}'}),
        ("exception", {"kind": "E", "console": ["x"]}, {("state", "exception"): '{"kind":"E"}'}),
        ("dropped", {"rows": 4}, {("dropped", "1"): '{"rows":4}'}),
        ("tags", {"tags": ["x"]}, {("tag", "x"): "true"}),
        ("summary", {"a": {"b": 1}, "a.b": 2}, {("summary", "a.b"): "2"}),
        ("alert", {"title": "t"}, {}),
    ],
)
def test_what_each_event_states(kind: str, data: dict[str, object], stated: dict[tuple[str, str], str]) -> None:
    """The table at the top of `runwire_stream.facts`, row by row."""
    said = facts(Event(kind, "run", 0, 1, 1, data))  # type: ignore[arg-type]
    assert {(fact.kind, fact.key): fact.value for fact in said} == stated
