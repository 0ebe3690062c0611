"""Receivers of what is declared, and of webhooks that are told by a flag or by the environment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from runwire.wire import Alert
from runwire_alerting.errors import ReceiverError
from runwire_alerting.notifiers import apprise
from runwire_alerting.notifiers.channel import Channel
from runwire_alerting.notifiers.declaration import Declaration, Declared
from runwire_alerting.notifiers.plot import Plots
from runwire_alerting.notifiers.receiver import Receiver
from runwire_alerting.notifiers.webhook import Webhook
from runwire_alerting.routes import Routes
from runwire_alerting.settings import Settings

#: What is called with an alert and a receiver's digest when that took the notice.
Delivered = Callable[[Alert, str], Awaitable[None]]


def channel(name: str, declared: Declaration) -> Channel:
    """Return the way to a notifier.

    Raises:
        ReceiverError: its address is none; the message names the notifier and not the address.
    """
    address, web = declared.address, declared.address.startswith(("http://", "https://"))
    try:
        if web and (declared.secrets or not apprise.known(address)):
            return Webhook(address, declared.timeout, declared.secrets)
        return apprise.AppriseChannel(address, declared.timeout)
    except ReceiverError as error:
        raise ReceiverError(f"the notifier {name} takes {error}") from None


def receivers(
    webhooks: Iterable[str],
    declared: Declared,
    settings: Settings,
    server_url: str | None,
    delivered: Delivered,
) -> list[Receiver]:
    """Return everybody who is told of alerts.

    Args:
        webhooks: addresses that are told of everything, unsigned.
        declared: notifiers and routes.
        settings: the time-outs.
        server_url: where the page is, for links; None for no links.
        delivered: told of what is taken.

    Raises:
        ReceiverError: an address is none.
    """
    plots = Plots()
    try:
        found = [webhook(url, settings, server_url, delivered, plots) for url in dict.fromkeys(webhooks)]
    except ReceiverError as error:
        raise ReceiverError(f"--alert-webhook takes {error}") from None
    for name, notifier in declared.notifiers.items():
        way, wants = channel(name, notifier), partial(declared.routes.want, name)
        told = partial(Receiver, settings=settings, server_url=server_url, delivered=delivered)
        # By its name: an address whose secret was changed is the same receiver, and is not told everything anew.
        found.append(told(name, f"notifier {name}", way, wants=wants, plots=plots if notifier.plot else None))
    return found


def webhook(
    url: str, settings: Settings, server_url: str | None, delivered: Delivered, plots: Plots | None = None
) -> Receiver:
    """Return a receiver that is told of all that it is offered, unsigned.

    Raises:
        ReceiverError: the address is none; the message says what is expected.
    """
    way = Webhook(url, settings.post_timeout)
    wants = partial(Routes().want, way.place)
    told = partial(Receiver, settings=settings, server_url=server_url, delivered=delivered)
    return told(way.place, url, way, wants=wants, plots=plots or Plots())
