"""Runs whose rows stay in their spools, where the tests read them back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import runwire


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them, work in an empty folder, and end what a test began."""
    for name in [name for name in os.environ if name.startswith(("RUNWIRE_", "WANDB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("RUNWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNWIRE_MODE", "offline")
    for name in ("CODE", "PACKAGES", "MACHINE"):
        monkeypatch.setenv(f"RUNWIRE_{name}", "false")
    monkeypatch.chdir(tmp_path)
    yield
    runwire.finish()


@pytest.fixture
def run() -> runwire.Run:
    """The current run."""
    return runwire.init(project="integrations")
