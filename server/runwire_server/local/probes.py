"""Waiting for a program to be ready."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from runwire_server.local.errors import StartError
from runwire_server.local.process import Process
from runwire_server.local.programs import Command, Http, Word

#: Seconds that a server which should be running already has to answer.
EXISTING = 20.0

_PAUSE = 0.05  # seconds between two questions


async def wait(ready: Http | Command | Word, process: Process | None, log: Path) -> None:
    """Return when the program is ready.

    Args:
        ready: how one knows.
        process: the program, if it is ours.
        log: the program's log, to which a command's say goes as well.

    Raises:
        StartError: the program is not ours, and the command says that it cannot be used.
    """
    if isinstance(ready, Http):
        while not await _answers(ready.url):  # noqa: ASYNC110 - another process's doing: there is no event to wait for
            await asyncio.sleep(_PAUSE)
    elif isinstance(ready, Command):
        await _succeed(ready, process, log)
    elif process is not None and not await process.word():
        await process.end()  # it will never say so; nobody but the one who waits for its end can go on


async def _succeed(ready: Command, process: Process | None, log: Path) -> None:
    while True:
        command = Process(ready.argv, log)
        try:
            code = await command.end()
        except asyncio.CancelledError:
            command.kill()
            raise
        if code == 0:
            return
        if process is None:
            raise StartError("\n".join(command.last_words()))
        await asyncio.sleep(_PAUSE)


async def _answers(url: str) -> bool:
    """Whether ``GET url`` answers 200. By hand: an HTTP client would weigh more than all the rest of the supervisor."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    try:
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None
        )
    except OSError:
        return False
    try:
        writer.write(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.hostname}\r\n\r\n".encode())
        status = await reader.readline()
        return status.split()[1:2] == [b"200"]
    except OSError:
        return False
    finally:
        writer.close()
