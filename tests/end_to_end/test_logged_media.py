"""An image's way, from a training process to the API and the commands."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from parts import Pipeline, until

import runwire


def _ask(url: str) -> Any:
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url) as answer:
        return json.load(answer)
    return None


def _file(up: Pipeline, digest: str) -> bytes | None:
    with (
        contextlib.suppress(urllib.error.URLError),
        urllib.request.urlopen(f"{up.server}/api/files/{digest}") as answer,
    ):
        content: bytes = answer.read()
        return content
    return None


def test_what_was_logged_is_there_to_the_byte_whatever_is_killed(
    start_up: Callable[..., Pipeline], home: Path, tmp_path: Path
) -> None:
    """Server and stream are killed meanwhile: each file and each item is there once, and gone items with their run."""
    up = start_up(home)
    video = tmp_path / "episode.mp4"
    video.write_bytes(os.urandom(8_000_000))
    pixels = np.random.default_rng(1).integers(0, 256, (50, 60, 3), np.uint8)
    with runwire.init("media", dir=up.home, settings={"finish_timeout": 60}) as run:
        for step in range(5):
            row = {"loss": 1.0, "seen": [runwire.Image(pixels + step), runwire.Image(pixels.T)]}
            run.log({**row, "episode": runwire.Video(video), "weights": runwire.Histogram(pixels)})
            if step == 1:
                up.kill("server")
            if step == 3:
                up.kill("stream")
    folder = run.folder
    assert folder is not None
    items = f"{up.server}/api/runs/{run.id}/media"
    expected = [("episode", "video"), ("seen", "image"), ("weights", "histogram")]

    def there() -> Any:
        found = (_ask(items) or {}).get("media", [])
        return [(one["name"], one["kind"]) for one in found if one["steps"] == list(range(5))] == expected and found

    until(there, "all media")
    until(lambda: not folder.exists(), "the spool is removed")
    for step in range(5):
        first, second = _ask(f"{items}/items?name=seen&step={step}")["items"]
        assert (first["place"], second["place"]) == (0, 1)
        for shown, image in ((first, runwire.Image(pixels + step)), (second, runwire.Image(pixels.T))):
            assert _file(up, shown["digest"]) == image._content
        (episode,) = _ask(f"{items}/items?name=episode&step={step}")["items"]
        assert _file(up, episode["digest"]) == video.read_bytes()
    stored = [path for path in (up.home / "files").rglob("*") if path.is_file()]
    assert len(stored) == 7, "each content once"

    command = [sys.executable, "-m", "runwire", "show", run.id, "--home", str(up.home)]
    environment = {**os.environ, "COLUMNS": "120"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "image seen at 5 steps, the last 4" in said

    delete = urllib.request.Request(f"{up.server}/api/runs/{run.id}", method="DELETE")
    with urllib.request.urlopen(delete) as answer:
        assert answer.status == 200
    assert _ask(items) == {"media": []}
