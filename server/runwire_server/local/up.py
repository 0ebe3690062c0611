"""Starting and stopping the pipeline of a home: ``runwire up`` and ``runwire down``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from runwire._ready import READY_FD
from runwire.errors import ConfigError
from runwire_alerting import web
from runwire_alerting.errors import ReceiverError
from runwire_server.local import home as homes
from runwire_server.local import jars, java, ports
from runwire_server.local.errors import HomeError
from runwire_server.local.programs import PYTHON, UpOptions

_LONGEST_STOP = 60.0  # seconds; every program has its grace, and there are two rounds of them
_PAUSE = 0.05
_WEBHOOKS = "RUNWIRE_ALERT_WEBHOOKS"


def up(options: UpOptions) -> int:
    """Start the pipeline.

    In the foreground this process *becomes* the supervisor and does not return. With ``options.detach`` it returns when
    all is ready or cannot be.

    Returns:
        The exit code: 0 if all is ready.

    Raises:
        RunwireError: something that must be there before anything is started is not; the message says what to do.
    """
    home = options.home.expanduser().absolute()
    _check(options)
    homes.prepare(home)
    if pid := homes.holder(home):
        raise homes.locked(home, pid)
    _demand_ports(options)
    if options.kafka is None:
        java.find()
        _fetch_jars()
    told = {**asdict(options), "home": str(home)}
    # By the environment: what a program is started with everybody on this machine may read.
    webhooks = [*os.environ.get(_WEBHOOKS, "").split(), *told.pop("alert_webhook")]
    os.environ[_WEBHOOKS] = " ".join(webhooks)
    command = [*PYTHON, "-m", "runwire_server.local.supervisor", json.dumps(told)]
    return _leave(command) if options.detach else _become(command)


def down(home: Path) -> bool:
    """Stop the pipeline of ``home``, and wait until all of it has ended.

    Returns:
        Whether one was running.

    Raises:
        HomeError: it may not be stopped by this user, or does not stop.
    """
    pid = homes.holder(home)
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True  # it was just about to end
    except PermissionError as error:
        raise HomeError(f"The `up` of {home} (pid {pid}) is another user's: ask them to stop it.") from error
    until = time.monotonic() + _LONGEST_STOP
    while homes.holder(home) == pid:
        if time.monotonic() > until:
            raise HomeError(
                f"The `up` of {home} (pid {pid}) has not stopped in {_LONGEST_STOP:.0f} s: `kill -9 {pid}`."
            )
        time.sleep(_PAUSE)
    return True


def _check(options: UpOptions) -> None:
    """Refuse addresses that are none, before anything is started with them."""
    for broker in (options.kafka or "").split(",") if options.kafka is not None else ():
        host, _, port = broker.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigError(f"--kafka takes HOST:PORT, for example localhost:9092, not {options.kafka!r}.")
    if options.clickhouse is not None and not _is_url(options.clickhouse):
        raise ConfigError(f"--clickhouse takes a URL, for example http://localhost:8123, not {options.clickhouse!r}.")
    for url in options.alert_webhook:
        if not _is_url(url):
            raise ConfigError("--alert-webhook takes a URL that begins with http:// or https://, got something else.")
    for flag, number in _told_ports(options):
        if not 0 < number < 65536:
            raise ConfigError(f"{flag} takes a port from 1 to 65535, not {number}.")


def _is_url(told: str) -> bool:
    try:
        web.place(told)
    except ReceiverError:
        return False
    return True


def _told_ports(options: UpOptions) -> list[tuple[str, int]]:
    told = (
        ("--port", options.port),
        ("--kafka-port", options.kafka_port if options.kafka is None else None),
        ("--clickhouse-port", options.clickhouse_port if options.clickhouse is None else None),
    )
    return [(flag, port) for flag, port in told if port is not None]


def _demand_ports(options: UpOptions) -> None:
    names = {"--port": "the server", "--kafka-port": "Kafka", "--clickhouse-port": "ClickHouse"}
    for flag, port in _told_ports(options):
        ports.demand(port, names[flag], flag)


def _fetch_jars() -> None:
    wanted = jars.missing()
    if not wanted:
        return
    from rich.console import Console  # noqa: PLC0415 - only the first start shows a bar
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Fetching Kafka, this once", total=sum(jar.size for jar in wanted))
        jars.fetch(lambda size: progress.advance(task, size))


def _become(command: list[str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - what was needed to get here need not stay in memory


def _leave(command: list[str]) -> int:
    """Start the supervisor in a session of its own and wait for its word."""
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as pipe:
        supervisor = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs],
            env={**os.environ, READY_FD: str(theirs)},
            start_new_session=True,
        )
        os.close(theirs)
        try:
            ready = bool(pipe.readline())
        except KeyboardInterrupt:
            supervisor.terminate()
            supervisor.wait()
            raise
    if ready:
        supervisor.returncode = 0  # it lives on, and is nobody's to wait for
        return 0
    return supervisor.wait() or 1
