"""Each test runs against every kind of object storage that can be had on one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import Bucket, azure, s3


@pytest.fixture(scope="session", params=[s3, azure], ids=["s3", "azure"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A bucket for the whole session."""
    with request.param(tmp_path_factory.mktemp("storage")) as bucket:
        yield bucket


@pytest.fixture(scope="session")
def settings_of_nobody() -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "RUNWIRE_"))]:
            patch.delenv(name)
        patch.setenv("RUNWIRE_SYSTEM_INTERVAL", "0")
        yield


@pytest.fixture
def bucket(storage: Bucket, settings_of_nobody: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:  # noqa: ARG001
    """The bucket, for processes that are started by the test: it is in their environment."""
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNWIRE_FILES", storage.url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return storage
