"""Where the pipeline is: what decides, in which order, and what is refused."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from runwire import _addresses
from runwire.errors import ConfigError


@pytest.fixture
def running(home: Path) -> Iterator[IO[str]]:
    """A home as a running ``up`` leaves it; closing the file ends that ``up``."""
    home.mkdir(parents=True)
    (home / "up.json").write_text(json.dumps({"version": 1, "pid": 1, "kafka": "127.0.0.1:4"}))
    with (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def test_an_argument_beats_the_environment_beats_the_file_beats_up(
    home: Path, running: IO[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking one away at a time, the next one decides; an ``up`` that ended decides nothing."""
    config = tmp_path / "config" / "runwire" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('kafka = "file:3"\n')
    monkeypatch.setenv("RUNWIRE_KAFKA", "environment:2")
    assert _addresses.find("kafka", "argument:1", home=home) == _addresses.Address("argument:1", "argument")
    assert _addresses.find("kafka", home=home) == _addresses.Address("environment:2", "environment")
    monkeypatch.delenv("RUNWIRE_KAFKA")
    assert _addresses.find("kafka", home=home) == _addresses.Address("file:3", "config file")
    config.unlink()
    assert _addresses.find("kafka", home=home) == _addresses.Address("127.0.0.1:4", "up")
    running.close()
    assert _addresses.find("kafka", home=home) is None


@pytest.mark.parametrize("value", ["localhost", "localhost:0", "localhost:99999", "http://localhost:9092", "a:1,b"])
def test_what_is_no_kafka_address_is_refused(value: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, its value, and what is expected."""
    monkeypatch.setenv("RUNWIRE_KAFKA", value)
    with pytest.raises(ConfigError, match=r"RUNWIRE_KAFKA is '.*': expected host:port, as 127\.0\.0\.1:9092"):
        _addresses.find("kafka", home=home)


def test_a_config_file_that_is_no_toml_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands end with that error; a training is told and goes on."""
    import runwire

    path = tmp_path / "broken.toml"
    path.write_text("kafka = ")
    monkeypatch.setenv("RUNWIRE_CONFIG", str(path))
    with pytest.raises(ConfigError, match=r"the config file .*broken\.toml is no TOML"):
        _addresses.find("kafka", home=home)
    runwire.init(dir=home).finish()
    assert "broken.toml is no TOML" in capsys.readouterr().err
