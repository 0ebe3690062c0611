"""How long records wait for others before they are stored together."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from runwire_stream.inbox import GATHER_SECONDS, WAIT_SECONDS_MAX, WORTH_BYTES, Inbox


def test_little_waits_for_more_but_no_longer_than_it_may() -> None:
    """A record that comes alone is given the time that it may wait."""

    async def one() -> float:
        inbox = Inbox()
        await inbox.put(_event(100))
        return await _taking(inbox, 1)

    assert asyncio.run(one()) >= 0.9 * WAIT_SECONDS_MAX


def test_what_is_worth_an_insert_does_not_wait_for_more() -> None:
    """Where much comes, a batch is gathered for a moment alone."""

    async def much() -> float:
        inbox = Inbox()
        await inbox.put(_event(WORTH_BYTES))
        return await _taking(inbox, 1)

    assert 0.9 * GATHER_SECONDS <= asyncio.run(much()) < WAIT_SECONDS_MAX


def test_a_record_that_waited_for_the_batch_before_has_waited() -> None:
    """The time that it may wait begins when it comes, not when there is time for it."""

    async def late() -> float:
        inbox = Inbox()
        await inbox.put(_event(100))
        await asyncio.sleep(WAIT_SECONDS_MAX)
        await inbox.put(_event(100))
        return await _taking(inbox, 2)

    assert asyncio.run(late()) < WAIT_SECONDS_MAX


async def _taking(inbox: Inbox, count: int) -> float:
    """Take so many events, and return the seconds that it took."""
    began = time.monotonic()
    assert len(await inbox.take()) == count
    return time.monotonic() - began


def _event(size: int) -> Any:
    return SimpleNamespace(value=bytes(size))
