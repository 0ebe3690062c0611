"""Notices by whatever Apprise knows: Slack, Discord, Teams, mail, PagerDuty and a hundred more.

Apprise waits for answers, so each notice is sent by a thread of its own. Such a thread cannot be stopped: one that does
not end keeps its place among the few that there are, and what it may still bring about is waited for before the same
notice is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from runwire_alerting.errors import ReceiverError
from runwire_alerting.notifiers.channel import Answer
from runwire_alerting.notifiers.notice import Notice, clean, cut, escaped, tame

if TYPE_CHECKING:
    from apprise import NotifyBase

#: So many threads one notifier may have, answered or not.
THREADS_MAX = 4
_LATE_MAX = 64
_LOGGER = "apprise"
_REASON_MAX = 200
#: Pieces of an address that are this short are no secret, and stand in many words.
_PIECE_MIN = 4


def known(url: str) -> bool:
    """Return whether Apprise takes an address of the web for that of a service, as https://hooks.slack.com/…"""
    return _plugin(url) is not None


class AppriseChannel:
    """One service, and where in it.

    Args:
        url: the address by Apprise's rules; it holds secrets, so it is never told.
        timeout: how many seconds a notice may take.

    Raises:
        ReceiverError: Apprise knows no such address; the message says what is expected.
    """

    concurrency = 2
    passed = False

    def __init__(self, url: str, timeout: float) -> None:
        from apprise import OverflowMode  # noqa: PLC0415 -- as below

        plugin = _plugin(url)
        if plugin is None:
            raise ReceiverError("an address as https://appriseit.com/services/ writes it, got something else")
        plugin.overflow_mode = OverflowMode.TRUNCATE  # else the service refuses what is too long for it
        self._plugin, self._timeout = plugin, timeout
        self._secrets = _pieces(url)
        self._threads: set[threading.Thread] = set()
        self._late: dict[str, Future[Answer]] = {}

    async def send(self, notice: Notice) -> Answer:
        """Send once, or see what came of a sending that took too long."""
        future = self._late.pop(notice.key, None) or self._begin(notice)
        if future is None:
            return Answer(f"{THREADS_MAX} notices are under way that get no answer")
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self._timeout)
        except asyncio.TimeoutError:
            self._late[notice.key] = future
            if len(self._late) > _LATE_MAX:  # of alerts that were over before they were asked for again
                del self._late[next(iter(self._late))]
            return Answer(f"no answer within {self._timeout:g} s")

    async def close(self) -> None:
        """Leave threads to themselves: they end with the process."""

    def _begin(self, notice: Notice) -> Future[Answer] | None:
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        if len(self._threads) >= THREADS_MAX:
            return None
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it
        thread = threading.Thread(target=self._send, args=(notice, future), name="apprise", daemon=True)
        self._threads.add(thread)
        thread.start()
        return future

    def _send(self, notice: Notice, future: Future[Answer]) -> None:
        try:
            future.set_result(self._notify(notice))
        except Exception as error:  # noqa: BLE001 -- a plugin may raise anything, and its text may hold the address
            future.set_result(Answer(f"failed ({type(error).__name__})"))

    def _notify(self, notice: Notice) -> Answer:
        from apprise import AppriseAttachment  # noqa: PLC0415 -- as below
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

        form = self._plugin.resolve_format()
        titled = self._plugin.title_maxlen > 0  # else the title becomes a part of the body
        body = {"html": notice.html, "markdown": notice.markdown}.get(form.value, notice.plain)
        attached = None
        if notice.plot is not None and self._plugin.attachment_support:
            attached = AppriseAttachment()
            attached.add(AttachMemory(notice.plot, name="metric.png", mimetype="image/png"))  # type: ignore[no-untyped-call]
        with _listening() as said:
            sent = self._plugin.notify(
                title=tame(notice.title) if titled else escaped(notice.title, form.value),
                body=body,
                body_format=form,
                notify_type=_kind(notice),
                attach=attached,
            )
        if sent:
            return Answer("sent", taken=True)
        return Answer(self._masked(said[-1]) if said else "was not sent")

    def _masked(self, text: str) -> str:
        for piece in self._secrets:
            text = text.replace(piece, "…")
        return cut(" ".join(clean(text).split()), _REASON_MAX)


class _Said(logging.Handler):
    """Keeps what Apprise says in this thread: why something was not sent it tells nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Give the lines that Apprise says meanwhile in this thread."""
    said = _Said()
    logging.getLogger(_LOGGER).addHandler(said)
    try:
        yield said.lines
    finally:
        logging.getLogger(_LOGGER).removeHandler(said)


def _plugin(url: str) -> NotifyBase | None:
    import apprise  # noqa: PLC0415 -- half a second and 34 MB, which only those pay who use it

    # What goes wrong is told by us; its own lines may hold an address.
    logging.getLogger(_LOGGER).propagate = False
    asset = apprise.AppriseAsset(
        app_id="Runwire", app_desc="Runwire", app_url="", image_url_mask="", image_path_mask=False
    )
    found: Any = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    return found or None


def _kind(notice: Notice) -> str:
    if notice.alert.state == "resolved":
        return "success"
    return {"info": "info", "warning": "warning"}.get(notice.alert.severity, "failure")


def _pieces(url: str) -> list[str]:
    """Return what stands in an address behind its scheme, piece by piece, the longest first."""
    rest = url.partition("://")[2]
    pieces = {piece for part in (rest, unquote(rest)) for piece in re.split(r"[/:@?&=#,+\s]", part)}
    return sorted((piece for piece in pieces if len(piece) >= _PIECE_MIN), key=len, reverse=True)
