"""Importance of parameters: over runs whose truth is known, and through the real store and server."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import serving

from runwire.wire import EVENTS, Event
from runwire_faust.message import Message
from runwire_server.importance import ImportanceError, importance
from runwire_server.importance.columns import MISSING, columns
from runwire_storage.queries import Parameters
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

PROJECT = "searched"
RUNS = 120


def search(count: int) -> tuple[list[dict[str, Any]], list[float]]:
    """Configs and losses of a search in which the learning rate matters most, the optimizer some, and no other."""
    draw = random.Random(7)
    configs = [
        {
            "lr": 10 ** draw.uniform(-5, -1),
            "optimizer": draw.choice(["adam", "sgd", "lion"]),
            "amp": draw.random() < 0.5,
            "layers": draw.choice([2, 4, 8]),
            "name": f"trial-{number}",
            "epochs": 10,
            **({"warmup": draw.uniform(0, 1)} if draw.random() < 0.7 else {}),
        }
        for number in range(count)
    ]
    losses = [
        2 * math.log10(config["lr"]) + (1.5 if config["optimizer"] == "sgd" else 0) + draw.gauss(0, 0.1)
        for config in configs
    ]
    return configs, losses


def found(configs: list[dict[str, Any]], targets: list[float | None], total: int | None = None) -> Parameters:
    names = [str(number) for number in range(len(configs))]
    return Parameters(
        dict(zip(names, configs, strict=True)), dict(zip(names, targets, strict=True)), total or len(configs)
    )


def test_what_matters_is_found_and_what_does_not_is_not() -> None:
    """The learning rate first, then the optimizer; noise near none; spreads are small beside what matters."""
    configs, losses = search(RUNS)
    told = importance(found(configs, [*losses]), maximize=False)
    by_key = {one["key"]: one for one in told["parameters"]}
    assert [one["key"] for one in told["parameters"][:2]] == ["lr", "optimizer"]
    assert by_key["lr"]["fanova"] > 0.6
    assert by_key["optimizer"]["fanova"] > 3 * max(by_key[key]["fanova"] for key in ("amp", "layers", "warmup"))
    assert by_key["lr"]["fanova_spread"] < 0.2
    assert max(told["parameters"], key=lambda one: one["ped_anova"])["key"] == "lr"
    assert sum(one["fanova"] for one in told["parameters"]) == pytest.approx(1)
    lr = by_key["lr"]
    assert (lr["kind"], lr["n"]) == ("log number", RUNS)
    assert lr["correlation"] is not None
    assert lr["correlation"] > 0.9
    assert (by_key["optimizer"]["kind"], by_key["optimizer"]["correlation"]) == ("category", None)
    warmup = by_key["warmup"]
    assert (warmup["kind"], warmup["n"]) == ("number in groups", RUNS - warmup["missing"])
    assert warmup["missing"] > 0
    assert (by_key["amp"]["kind"], by_key["layers"]["kind"]) == ("boolean", "number")
    assert set(told["ignored"]) == {"name"}
    assert "epochs" not in by_key


def test_targets_that_are_missing_or_not_finite_are_left_out_and_counted() -> None:
    """They say nothing of any parameter, but how many there are is said."""
    configs, losses = search(40)
    targets: list[float | None] = [*losses[:30], None, None, None, *[math.nan] * 4, math.inf, -math.inf, math.nan]
    told = importance(found(configs, targets, total=50), maximize=True)
    assert (told["runs"], told["missing"], told["nonfinite"], told["beyond"]) == (30, 3, 7, 10)
    with pytest.raises(ImportanceError, match="9 of 40 runs have a finite target"):
        importance(found(configs, [*losses[:9], *[None] * 31]), maximize=False)
    with pytest.raises(ImportanceError, match="the same for all runs"):
        importance(found(configs, [1.0] * 40), maximize=False)
    assert importance(found([{"a": 1}] * 40, [*losses]), maximize=False)["parameters"] == []


def test_a_keys_values_are_seen_as_what_they_are() -> None:
    """Numbers, also whole ones beside others; logarithms; booleans; texts; lists; what is missing; what is constant."""
    rows = [
        {"one": 1, "wide": 1e-4, "flag": True, "list": [1, 2], "mixed": 1, "gap": 5, "same": 1, "id": "a0"},
        {"one": 2.0, "wide": 1.0, "flag": False, "list": [3], "mixed": "x", "same": 1.0, "id": "a1"},
    ]
    rows += [{**rows[0], "wide": 1e-2, "gap": number, "id": f"b{number}"} for number in range(30)]
    varying, ignored = columns(rows)
    kinds = {column.key: (column.kind, column.distinct, column.missing) for column in varying}
    assert kinds == {
        "one": ("number", 2, 0),
        "wide": ("log number", 3, 0),
        "flag": ("boolean", 2, 0),
        "list": ("category", 2, 0),
        "mixed": ("category", 2, 0),
        "gap": ("number in groups", 30, 1),
    }
    [gap] = [column for column in varying if column.key == "gap"]
    assert gap.values[1] == MISSING
    assert len(set(gap.values)) == 9
    assert set(ignored) == {"id"}


@pytest.fixture(scope="module")
def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    with serving.filled(clickhouse, tmp_path_factory.mktemp("server")) as server:
        configs, losses = search(40)
        seqs = itertools.count(1)
        events = [
            Event(kind, f"searched-{number}", 0, next(seqs), serving.TIME + number, data)
            for number, (config, loss) in enumerate(zip(configs, losses, strict=True))
            for kind, data in (("start", {"project": PROJECT, "config": config}), ("summary", {"loss": loss}))
        ]
        records = [Message(EVENTS, 0, event.seq, None, event.encode()) for event in events]
        assert not Ingest(Session(clickhouse, serving._Impatient())).store(records)
        yield server


def test_importance_is_asked_over_http_and_the_server_stays_small(server: serving.Server) -> None:
    """The whole way from stored events; the libraries are never loaded into the server itself."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as api:
        query = {"q": f"project = {PROJECT}", "target": "summary.loss"}
        told = api.get("/api/importance", params=query).json()
        assert told["runs"] == 40
        assert told["parameters"][0]["key"] == "lr"
        few = api.get("/api/importance", params={**query, "q": f"id = {serving.RUN}"}).json()["error"]
        assert few["code"] == "bad_request"
        assert "at least 10" in few["message"]
        assert api.get("/api/importance", params={**query, "target": "name"}).json()["error"]["hint"]
        assert api.get("/api/importance", params={**query, "target": "min("}).json()["error"]["code"] == "bad_filter"
    loaded = Path(f"/proc/{server.pid}/maps").read_text()
    assert not [name for name in ("/sklearn/", "/scipy/") if name in loaded]


def test_the_command_prints_a_table_and_json(server: serving.Server) -> None:
    """Keys, kinds, importances with spreads, correlations; and what was not looked at."""
    argv = ["importance", f"project = {PROJECT}", "--target", "summary.loss"]
    env = {**os.environ, "RUNWIRE_SERVER": server.url, "COLUMNS": "160"}
    command = [sys.executable, "-m", "runwire", *argv]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    assert "log number" in shown
    assert "name: not looked at: 40 different values" in shown
    assert "40 runs\n" in shown
    machine = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, env=env).stdout
    assert json.loads(machine)["parameters"][0]["key"] == "lr"
