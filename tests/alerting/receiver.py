"""A webhook receiver: a real HTTP server that records what it is sent and answers as it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """Attributes:
    url: where it takes notices.
    asked: the idempotency key of every request, in order of arrival.
    taken: key and body of every request that was answered with 200, in order.
    statuses: by run, what to answer the next requests about it with; `otherwise` when empty.
    otherwise: what it answers with where nothing else is said.
    hangs: whether it answers nobody until it is told to go on.
    requests: headers and body of every request as they came, in order.
    retry_after: what it tells with whatever is not 200, if anything.
    gets: path and query of every GET, which it answers with `otherwise`.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    otherwise: int = 200
    hangs: bool = False
    agents: set[str] = field(default_factory=set)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    retry_after: str | None = None
    gets: list[str] = field(default_factory=list)
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None

    def hang(self) -> None:
        """Answer nobody from here on."""
        self._end.clear()
        self.hangs = True

    def go_on(self) -> None:
        """Answer from here on, also who waits."""
        self.hangs = False
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._end.set)

    async def _take(self, request: web.Request) -> web.Response:
        key, body = request.headers.get("Idempotency-Key", ""), await request.json()
        self.requests.append((dict(request.headers), await request.read()))
        self.asked.append(key)
        self.agents.add(request.headers["User-Agent"])
        if self.hangs:
            await self._end.wait()
        statuses = self.statuses.get(body.get("run", ""))
        status = statuses.pop(0) if statuses else self.otherwise
        if status == 200:
            self.taken.append((key, body))
        told = {"Retry-After": self.retry_after} if self.retry_after is not None and status != 200 else {}
        return web.Response(status=status, headers=told)

    async def _get(self, request: web.Request) -> web.Response:
        self.gets.append(request.path_qs)
        return web.Response(status=self.otherwise)

    def of(self, run: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what was taken about a run."""
        return [(key, body) for key, body in self.taken if body["run"] == run]

    def once(self, run: str) -> list[dict[str, Any]]:
        """Return what was taken about a run; of notices with one key, which a killed worker may repeat, the first."""
        first: dict[str, dict[str, Any]] = {}
        for key, body in self.of(run):
            first.setdefault(key, body)
        return list(first.values())


@contextmanager
def listening(receiver: Receiver, port: int = 0) -> Iterator[Receiver]:
    """Have a receiver listen on a loopback port, a free one unless told, in a thread of its own."""
    loop = receiver._loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver._take)
    app.router.add_get("/{path:.*}", receiver._get)
    runner = web.AppRunner(app, shutdown_timeout=0)

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/hook"

    thread = threading.Thread(target=loop.run_forever, name="receiver")
    thread.start()
    try:
        receiver.url = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield receiver
    finally:
        loop.call_soon_threadsafe(receiver._end.set)
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
