"""Trying out a route: a notice that is no alert, to everybody to whom it leads."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from runwire.errors import UsageError
from runwire.wire import Alert
from runwire_alerting.notifiers import plot
from runwire_alerting.notifiers.channel import Answer
from runwire_alerting.notifiers.declaration import Declaration, Declared
from runwire_alerting.notifiers.notice import compose
from runwire_alerting.notifiers.receivers import channel


async def try_out(declared: Declared, name: str, server_url: str | None) -> dict[str, Answer]:
    """Send a test notice by the route of that name, else to the notifier of that name; once, without trying again.

    Returns:
        What came back, by the notifiers' names.

    Raises:
        UsageError: there is neither; the message names those that there are.
        ReceiverError: an address is none.
    """
    alert = _sample(name)
    picture = plot.draw(plot.course(alert), alert.metric)
    answers = {}
    for to, notifier in _led_to(declared, name).items():
        way = channel(to, notifier)
        try:
            answers[to] = await way.send(compose(alert, server_url, plot=picture if notifier.plot else None))
        finally:
            await way.close()
    return answers


def _led_to(declared: Declared, name: str) -> Mapping[str, Declaration]:
    for route in declared.routes:
        if route.name == name:
            return {to: declared.notifiers[to] for to in route.to}
    if name not in declared.notifiers:
        known = [*(route.name for route in declared.routes if route.name), *declared.notifiers]
        told = f"there are {', '.join(dict.fromkeys(known))}" if known else "none is declared"
        raise UsageError(f"there is no route or notifier {name!r:.80}: {told}")
    return {name: declared.notifiers[name]}


def _sample(name: str) -> Alert:
    now = time.time_ns() // 1000
    return Alert(
        id=uuid.uuid4().hex[:16],  # else a receiver would take the second one for the first
        episode=1,
        state="firing",
        rule="test",
        severity="info",
        run="test",
        project="test",
        name="test",
        host="",
        title=f"Test of {name}: nothing is wrong",
        text="Somebody tries out this way to tell of alerts, by `runwire alerts test-route`.",
        fired_at=now,
        version=1,
        metric="train/loss",
        step=6,
        value=9.0,
        before=[(1, 2.5), (2, 2.1), (3, 1.8), (4, 1.7), (5, 1.6)],
    )
