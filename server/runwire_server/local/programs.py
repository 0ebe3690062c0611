"""The table of programs that make up ``runwire up``."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from runwire_server.local import ports
from runwire_server.local.home import Addresses

#: The interpreter, told not to look for modules in the folder from which the user started it, where it can be.
PYTHON = (sys.executable, "-P") if sys.version_info >= (3, 11) else (sys.executable,)

#: Storing can wait where processors are short, which it does in Kafka; training cannot, nor can an alert. A third of
#: the share of others.
_BULK_NICE = 5


@dataclass(frozen=True)
class Http:
    """Ready when ``GET url`` answers 200."""

    url: str


@dataclass(frozen=True)
class Command:
    """Ready when a command ends with exit code 0; it does the waiting itself."""

    argv: tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """Ready when the program says so, on the descriptor that ``RUNWIRE_READY_FD`` names."""


@dataclass(frozen=True)
class Program:
    """A program of the pipeline.

    Attributes:
        name: what it is called, and its log.
        argv: how it is started; None if it runs already, somewhere, and is only looked at.
        ready: how one knows that it is ready.
        after: the programs that must be ready before it starts, and that stop after it.
        address: where users find it, if anywhere.
        nice: how much it gives way where processors are short, as by nice(1).
    """

    name: str
    argv: tuple[str, ...] | None
    ready: Http | Command | Word = field(default_factory=Word)
    after: tuple[str, ...] = ()
    address: str | None = None
    nice: int = 0


@dataclass(frozen=True)
class UpOptions:
    """What ``runwire up`` was told.

    Attributes:
        home: where everything is kept.
        port: of the server.
        kafka: ``host:port`` of a Kafka that exists, instead of one of our own.
        clickhouse: URL of a ClickHouse that exists, instead of one of our own.
        kafka_port: of our own Kafka; None takes the last one, or a free one.
        clickhouse_port: the same for ClickHouse.
        alert_webhook: URLs to which alerts are posted, besides those of the environment.
        detach: leave it in the background.
    """

    home: Path
    port: int = 7601
    kafka: str | None = None
    clickhouse: str | None = None
    kafka_port: int | None = None
    clickhouse_port: int | None = None
    alert_webhook: tuple[str, ...] = ()
    detach: bool = False


def addresses(options: UpOptions, last: Addresses | None) -> Addresses:
    """Choose where the programs will be; a port of the ``last`` start is taken again if it is free."""
    last = last or Addresses("", "", "")
    chosen = [port for port in (options.port, options.kafka_port, options.clickhouse_port) if port]

    def choose(told: int | None, before: str) -> str:
        port = told or ports.free(_port(before), but=chosen)
        chosen.append(port)
        return f"{ports.HOST}:{port}"

    kafka = choose(options.kafka_port, last.kafka)
    clickhouse = f"http://{choose(options.clickhouse_port, last.clickhouse)}"
    return Addresses(
        kafka=options.kafka or kafka,
        clickhouse=options.clickhouse or clickhouse,
        server=f"http://{ports.HOST}:{options.port}",
        stream=f"http://{choose(None, last.stream)}",
        alerting=f"http://{choose(None, last.alerting)}",
    )


def _port(address: str) -> int | None:
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else None


def _public(url: str) -> str:
    """A URL without the user and the password that it may hold, to be shown."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def table(options: UpOptions, where: Addresses) -> list[Program]:
    """The five programs, in the order in which data goes."""
    to_kafka, to_clickhouse = ("--kafka", where.kafka), ("--clickhouse", where.clickhouse)

    def runwire(name: str, *flags: str) -> tuple[str, ...]:
        return (*PYTHON, "-m", "runwire", name, "--home", str(options.home), *flags)

    def own_port(address: str, flag: str = "--port") -> tuple[str, ...]:
        return (flag, str(_port(address)))

    patience = "60" if options.kafka is None else "8"
    return [
        Program(
            "kafka",
            None if options.kafka else runwire("kafka", *own_port(where.kafka)),
            Command((*PYTHON, "-m", "runwire_server.local.topics", where.kafka, patience)),
            address=where.kafka,
        ),
        Program(
            "clickhouse",
            None if options.clickhouse else runwire("clickhouse", *own_port(where.clickhouse)),
            Http(f"{where.clickhouse.rstrip('/')}/ping"),
            address=_public(where.clickhouse),
            nice=_BULK_NICE,
        ),
        Program(
            "stream",
            runwire("stream", *to_kafka, *to_clickhouse, *own_port(where.stream, "--metrics-port")),
            after=("kafka", "clickhouse"),
            address=where.stream,
            nice=_BULK_NICE,
        ),
        Program(
            "alerting",
            runwire("alerting", *to_kafka, "--server", where.server, *own_port(where.alerting, "--metrics-port")),
            after=("kafka",),
            address=where.alerting,
        ),
        Program(
            "server",
            runwire("server", *to_kafka, *to_clickhouse, "--port", str(options.port)),
            Http(f"{where.server}/healthz"),
            after=("kafka", "clickhouse"),
            address=where.server,
        ),
    ]
