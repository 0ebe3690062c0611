"""A whole pipeline whose files lie in a bucket: logged, looked at, fetched, checked, and mended where it may not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serving
from buckets import Bucket
from obstore.store import from_url
from parts import running, until

import runwire
from runwire import _addresses
from runwire.spool.folder import found, read_json, root
from runwire_server.local import ports

#: More than one part.
_MODEL = os.urandom(20_000_000)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "runwire", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


def ask(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def names(bucket: Bucket) -> set[str]:
    """What lies in it, asked past the product's own file store."""
    store = from_url(bucket.url, client_options={"allow_http": True})
    return {one["path"].rpartition("/")[2] for some in store.list() for one in some}


def test_what_runs_log_lies_in_the_bucket_and_comes_back(bucket: Bucket, tmp_path: Path) -> None:
    """An artifact of several parts and an image, by the SDK, the command line and the page's link; none in the home."""
    (tmp_path / "model.pt").write_bytes(_MODEL)
    with running(tmp_path / "home") as up:
        with runwire.init("stored", dir=up.home, settings={"finish_timeout": 120}) as run:
            run.log({"seen": runwire.Image(np.zeros((4, 4, 3), np.uint8))})
            run.log_artifact(tmp_path / "model.pt", "model", "model").wait(120)
            model = run.use_artifact("model:latest")
            folder = model.download(tmp_path / "there")
        model.verify(folder)
        assert (folder / "model.pt").read_bytes() == _MODEL
        home = ("--home", str(up.home))
        got = command("artifacts", "get", "stored/model:v0", "-o", str(tmp_path / "got"), "--json", *home)
        assert got.returncode == 0, got.stderr
        assert (Path(json.loads(got.stdout)["folder"]) / "model.pt").read_bytes() == _MODEL
        media = f"{up.server}/api/runs/{run.id}/media"
        until(lambda: ask(media)["media"], "the image is stored")
        (image,) = ask(f"{media}/items?name=seen")["items"]
        with urllib.request.urlopen(f"{up.server}/api/files/{image['digest']}?format=png") as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == image["digest"]
        assert not (up.home / "files").exists()
        assert {image["digest"], hashlib.sha256(_MODEL).hexdigest()} <= names(bucket)
        pruned = command("files", "prune", "--json", *home)
        assert (pruned.returncode, json.loads(pruned.stdout)["removed"]) == (0, 0), pruned.stderr


def test_what_a_store_refuses_waits_on_its_host_until_that_is_mended(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says so when it starts, and the training's host, too; afterwards `runwire sync` delivers it."""
    for name, value in bucket.wrong.items():
        monkeypatch.setenv(name, value)
    with running(tmp_path / "home") as up:
        log, spools = up.home / "log" / "server.log", root(up.home, _addresses.hostname())
        until(lambda: "the file store is away" in log.read_text(), "the server says so")
        run = runwire.init("stored", dir=up.home, settings={"finish_timeout": 0.1})
        run.log({"seen": runwire.Image(np.ones((4, 4, 3), np.uint8))})
        # What `finish` and `sync` tell.
        told = until(
            lambda: said if "file store" in (said := str(read_json(spools / "shipper.json"))) else None, "its host, too"
        )
        run.finish()
        for said in (told, log.read_text()):
            assert f"the file store {bucket.url} does not do it: " in said
            assert bucket.secret not in said
            assert not any(value in said for name, value in bucket.wrong.items() if "KEY" in name and "ID" not in name)
        assert list(found(spools))
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        with serving.running(f"http://127.0.0.1:{ports.free()}", tmp_path / "mended") as server:
            synced = command("sync", "--home", str(up.home), "--server", server.url)
        assert synced.returncode == 0, synced.stderr
        assert not list(found(spools))
