"""Where things are: the home, and the pipeline's addresses.

An address is what the caller said, else the environment, else the config file, else what the home's running ``up``
says. This is the one place that decides so, for the SDK, the shipper, and the programs of the other rooms.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runwire.errors import ConfigError

Service = Literal["kafka", "clickhouse", "server"]
Source = Literal["argument", "environment", "config file", "up"]

_SERVICES: tuple[Service, ...] = ("kafka", "clickhouse", "server")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?")


@dataclass(frozen=True)
class Address:
    """Where one of the pipeline's servers is.

    Attributes:
        value: ``host:port`` (Kafka; several with commas between them), or a URL (ClickHouse, the server).
        source: what said so.
    """

    value: str
    source: Source


def find_home(argument: str | os.PathLike[str] | None = None) -> Path:
    """Return the home: the argument, else ``RUNWIRE_HOME``, else ``~/.runwire``, as an absolute path.

    It need not exist.

    Raises:
        ConfigError: there is no home directory to put it in.
    """
    chosen = os.fspath(argument) if argument is not None else os.environ.get("RUNWIRE_HOME") or "~/.runwire"
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"{chosen} names no folder, this user has no home directory: set RUNWIRE_HOME") from None


def find(service: Service, argument: str | None = None, *, home: Path | None = None) -> Address | None:
    """Return where a server of the pipeline is, or None if nothing says so.

    Args:
        service: which one.
        argument: what the caller was told, None or "" if nothing.
        home: the home whose running ``up`` is asked last; None for `find_home`'s.

    Raises:
        ConfigError: what says so is no address, or the config file cannot be read.
    """
    if argument:
        return Address(check(service, argument, f"the argument {service}="), "argument")
    variable = f"RUNWIRE_{service.upper()}"
    if os.environ.get(variable):
        return Address(check(service, os.environ[variable], variable), "environment")
    config = read_config()
    if config.get(service):
        return Address(check(service, config[service], f"{service} in {config_file()}"), "config file")
    up = running_up(home or find_home())
    if up.get(service):
        return Address(check(service, up[service], f"{service} in the home's up.json"), "up")
    return None


def find_server(home: Path, *, up: bool = True) -> str | None:
    """Return the server's URL for what is only to be helped by it: None also where what names it is no URL.

    Args:
        home: the home.
        up: whether its running ``up`` is asked, too.
    """
    try:
        found = find("server", home=home)
    except ConfigError:
        return None
    return None if found is None or (found.source == "up" and not up) else found.value


def config_file() -> Path:
    """Return the config file's path: ``RUNWIRE_CONFIG``, else ``$XDG_CONFIG_HOME/runwire/config.toml``."""
    if os.environ.get("RUNWIRE_CONFIG"):
        return Path(os.environ["RUNWIRE_CONFIG"]).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    try:
        return Path(base).expanduser() / "runwire" / "config.toml"
    except RuntimeError:  # no home directory: then no such file
        return Path("/nonexistent/runwire/config.toml")


def read_config() -> dict[str, Any]:
    """Return what the config file holds; nothing if there is none.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    path = config_file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} cannot be read: {error}") from None
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 -- only where there is a config file
    else:
        import tomli as tomllib  # noqa: PLC0415 -- likewise
    try:
        told: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the config file {path} is no TOML: {error}") from None
    return told


def running_up(home: Path) -> dict[str, str]:
    """Return the addresses that the home's ``up`` wrote down, if it runs; else nothing.

    ``up.json`` outlives ``up``. That it runs is what its lock says; asking for a shared lock tells two who ask at
    once from an ``up`` that holds it.
    """
    try:
        with (home / "up.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    except OSError:
        return {}
    else:
        return {}
    try:
        told = json.loads((home / "up.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {service: told[service] for service in _SERVICES if isinstance(told.get(service), str)}


def hostname() -> str:
    """Return this host's name as a folder may be called."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", socket.gethostname()).lstrip(".")[:200] or "localhost"


def check(service: Service, told: Any, where: str) -> str:
    """Return an address as it is used: without the space around it, and a URL without the slash behind it.

    Args:
        service: of which server.
        told: the address.
        where: what it was read from, for the error.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(told, str):
        raise ConfigError(f"{where} is {told!r:.80}: expected a string")
    value = told.strip()
    if service != "kafka":
        if _URL.fullmatch(value):
            return value.rstrip("/")
        raise ConfigError(f"{where} is {value!r:.80}: expected a URL, as http://127.0.0.1:8123")
    for one in value.split(","):
        match = _HOST_PORT.fullmatch(one.strip())
        if match is None or not 0 < int(match[2]) < 2**16:
            raise ConfigError(f"{where} is {value!r:.80}: expected host:port, as 127.0.0.1:9092")
    return value
