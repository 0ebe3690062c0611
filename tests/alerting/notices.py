"""Alerts to be told of, and receivers in a loop of the test's own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from runwire.wire import Alert
from runwire_alerting.notifiers.channel import Channel
from runwire_alerting.notifiers.plot import Plots
from runwire_alerting.notifiers.receiver import OWED_MAX, Receiver
from runwire_alerting.routes import EVERYTHING, Want
from runwire_alerting.settings import Settings

SECOND = 1_000_000


def alert(number: int = 0, **more: Any) -> Alert:
    """Return an alert that fired just now, another one for each number."""
    given: dict[str, Any] = {
        "id": f"{number:016x}", "episode": 1, "state": "firing", "rule": "nonfinite", "severity": "critical",
        "run": f"run-{number}", "project": "digits", "name": "bold-mlp", "host": "node-1",
        "title": "bold-mlp: train/loss is NaN at step 7",
        "text": "bold-mlp (run) of digits, rank 0 on node-1: train/loss is NaN at step 7.",
        "fired_at": time.time_ns() // 1000, "version": 1, "rank": 0, "attempt": 1_800_000_000,
        "metric": "train/loss", "step": 7, "value": float("nan"), "before": [(5, 1.5), (6, 2.5)],
        **more,
    }  # fmt: skip
    return Alert(**given)


def resolved(told: Alert) -> Alert:
    """Return the state that follows when it is over."""
    now = time.time_ns() // 1000
    return replace(told, state="resolved", resolved_at=now, delivered_at={}, text=f"{told.text}\nResolved: it is well.")


class Deliveries(list[Alert]):
    """Which alerts were told as delivered."""

    async def note(self, told: Alert, _receiver: str) -> None:
        self.append(told)


@asynccontextmanager
async def offering(
    channel: Channel,
    want: Want | None = EVERYTHING,
    *,
    plots: bool = False,
    ends: bool = True,
    owed_max: int = OWED_MAX,
    **settings: Any,
) -> AsyncIterator[tuple[Receiver, Deliveries]]:
    """Have a receiver that wants everything, or what is said, in the loop that runs; it is closed at the end.

    With ``ends`` false it does not want to know that something is over.

    Its pauses are so short that an hour of retries passes in a second.
    """
    deliveries = Deliveries()
    receiver = Receiver(
        "hook", "hook", channel,
        wants=lambda told: want if ends or told.state == "firing" else None,
        settings=Settings(**settings), server_url=None, delivered=deliveries.note,
        plots=Plots() if plots else None, pause=lambda _: random.uniform(0, 0.02), owed_max=owed_max,
    )  # fmt: skip
    try:
        yield receiver, deliveries
    finally:
        await receiver.close()


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        await asyncio.sleep(0.005)
