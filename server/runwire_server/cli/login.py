"""`runwire login`: where the pipeline is, and the key for it, written into the config file."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from runwire import _addresses, _key
from runwire.errors import ConfigError, UnavailableError, UsageError
from runwire_server.cli.output import say

_CONNECT_SECONDS = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def login(
    server: Annotated[str | None, typer.Option(metavar="URL", help="Where the Runwire server is.")] = None,
    kafka: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where trainings deliver what they log, if not to an up.")
    ] = None,
    *,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the key from stdin, instead of asking for it on the terminal.")
    ] = False,
) -> None:
    """Write down for this user where the server is, and the key for it, once the server has answered."""
    from runwire_server.cli.remote import Remote  # noqa: PLC0415 - as all that only one command needs

    asks = sys.stdin.isatty() and not key_stdin
    if server is None and asks and kafka is None:
        server = input("Server (as https://runwire.example.org): ")
    if not server and not kafka:
        raise UsageError("there is nothing to write down: say --server URL, --kafka HOST:PORT, or both")
    if key_stdin and not server:
        raise UsageError("--key-stdin reads the key for a server: say for which by --server URL")
    entries: dict[str, str] = {}
    if server:
        url = _addresses.check("server", server, "--server")
        key = _read_key(asks=asks, stdin=key_stdin)
        _warn_of_plain(url, key)
        _recognise(url, Remote(url, None, key=key).get("openapi.json"))
        entries["server"] = url
        if key:
            entries[_key.ENTRY] = key
    if kafka:
        entries["kafka"] = _addresses.check("kafka", kafka, "--kafka")
        _reach(entries["kafka"])
    path = _addresses.config_file()
    _write(path, entries)
    told = [f"{name} {entries[name]}" for name in ("server", "kafka") if name in entries]
    say(f"{path}: {', '.join(told + ['the key'] * (_key.ENTRY in entries))}")


def _read_key(*, asks: bool, stdin: bool) -> str | None:
    if stdin:
        return _key.check(sys.stdin.readline(), "stdin")
    told = getpass.getpass("Key (none: just Enter): ") if asks else ""
    return _key.check(told, "what was entered") if told else None


def _warn_of_plain(url: str, key: str | None) -> None:
    parts = urlsplit(url)
    if key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        sys.stderr.write(f"warning: {url} is not encrypted: whoever sees the network sees the key; use https\n")


def _recognise(url: str, told: Any) -> None:
    """Look at what the server says of itself.

    Raises:
        UsageError: it is none of ours.
    """
    about = told.get("info") if isinstance(told, dict) else None
    if not isinstance(about, dict) or about.get("title") != "Runwire":
        raise UsageError(f"what answers at {url} is no Runwire server: check the URL; nothing was written")


def _reach(kafka: str) -> None:
    """Connect to one of Kafka's addresses.

    Raises:
        UnavailableError: none takes a connection.
    """
    problem: OSError | None = None
    for one in kafka.split(","):
        host, _, port = one.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except OSError as error:
            problem = error
        else:
            return
    raise UnavailableError(
        f"Kafka at {kafka} cannot be reached ({problem}): check host and port, whether it runs, and whether a firewall "
        "lies between; nothing was written"
    )


def _write(path: Path, entries: dict[str, str]) -> None:
    """Set entries of the config file and leave all else in it as it is; only its user may read it.

    A key that is not given anew stays if it is the same server's, and else goes.

    Raises:
        ConfigError: the file is no TOML, or it cannot be written.
    """
    import tomlkit  # noqa: PLC0415 - as all that only one command needs

    before = _addresses.read_config()
    try:
        path = path.resolve()  # a link stays one
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
        if "server" in entries and entries["server"] != str(before.get("server")).rstrip("/"):
            document.pop(_key.ENTRY, None)
        document.update(entries)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, tomlkit.dumps(document))
    except OSError as error:
        raise ConfigError(f"the config file {path} cannot be written: {error.strerror or error}") from None


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
