"""Options that several commands have, and what stands for one that was not given."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from runwire._addresses import Service, find, find_home, hostname
from runwire.errors import ConfigError
from runwire.wire.control import BY_MAX

Home = Annotated[Path | None, typer.Option(help="Where everything is kept. [default: RUNWIRE_HOME, else ~/.runwire]")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Kafka = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Where Kafka is. [default: RUNWIRE_KAFKA, the config file, or a running up]"
    ),
]
ClickHouse = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Where ClickHouse is. [default: RUNWIRE_CLICKHOUSE, the config file, or a running up]"
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Where the Runwire server is. [default: RUNWIRE_SERVER, the config file, or a running up]"
    ),
]
Files = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="RUNWIRE_FILES",
        show_envvar=False,
        help="Where files that runs log are kept: file:///folder, s3://bucket/path, gs://… or az://…. "
        "[default: RUNWIRE_FILES, else the folder files in the home]",
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Tell /metrics, /healthz and /readyz on this port. [default: not at all]"),
]
MetricsHost = Annotated[str, typer.Option(help="The address at which they are told.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]

_NAMES = {"kafka": "Kafka", "clickhouse": "ClickHouse", "server": "the Runwire server"}


def file_store(argument: str | None, home: Path | None) -> str:
    """Return the URL of the file store."""
    from runwire_storage.files import folder_url  # noqa: PLC0415 - loads the store's library

    return argument or folder_url(find_home(home) / "files")


def address(service: Service, argument: str | None, home: Path | None) -> str:
    """Return where a server of the pipeline is.

    Raises:
        ConfigError: nothing says so.
    """
    found = find(service, argument, home=find_home(home))
    if found is None:
        raise ConfigError(
            f"nothing says where {_NAMES[service]} is: start everything with `runwire up -d`, give --{service}, or set "
            f"RUNWIRE_{service.upper()}"
        )
    return found.value


def caller() -> str:
    """Return who calls: user and host, as far as they are known."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # nobody by that number
        user = "somebody"
    return f"{user}@{hostname()}"[:BY_MAX]
