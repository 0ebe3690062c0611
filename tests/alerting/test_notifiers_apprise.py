"""Notices by Apprise, to a web server and to a mail server."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from notices import alert, offering, resolved, until
from receiver import Receiver, listening

from runwire_alerting.errors import ReceiverError
from runwire_alerting.notifiers import apprise
from runwire_alerting.notifiers.apprise import THREADS_MAX, AppriseChannel
from runwire_alerting.notifiers.declaration import Declaration
from runwire_alerting.notifiers.notice import compose
from runwire_alerting.notifiers.receivers import channel
from runwire_alerting.notifiers.webhook import Webhook
from runwire_server.local import ports


class Mailbox:
    """Takes mails: what the mail server hands its messages to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 taken"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with listening(Receiver()) as made:
        yield made


def json_url(hook: Receiver, more: str = "") -> str:
    return hook.url.replace("http://", "json://user:pa55word@").replace("/hook", f"/t0ken{more}")


def test_a_notice_goes_by_apprise_with_its_picture(hook: Receiver) -> None:
    """Firing and resolved arrive once each, as a failure and as a success, and the first with a PNG."""

    async def play() -> None:
        async with offering(AppriseChannel(json_url(hook), 10), plots=True) as (offered, deliveries):
            offered.tell(alert())
            await until(lambda: deliveries, "told")
            offered.tell(resolved(alert()))
            await until(lambda: len(deliveries) == 2, "told that it is over")

    asyncio.run(play())
    [fired, over] = [body for _, body in hook.taken]
    assert (fired["title"], fired["type"]) == ("bold-mlp: train/loss is NaN at step 7", "failure")
    assert "To do: Stop the run and go on from the last checkpoint" in fired["message"]
    assert base64.b64decode(fired["attachments"][0]["base64"]).startswith(b"\x89PNG")
    assert (over["title"].partition(":")[0], over["type"]) == ("Resolved", "success")
    assert "Resolved: it is well." in over["message"]


def test_people_are_told_what_holds_when_their_service_is_back(hook: Receiver) -> None:
    """What fired and was over while it took nothing is told as over, and not that it fired."""
    hook.otherwise = 500

    async def play() -> None:
        async with offering(AppriseChannel(json_url(hook), 10)) as (offered, deliveries):
            offered.tell(alert(0))
            await until(lambda: hook.asked, "it is asked")
            offered.tell(resolved(alert(0)))
            offered.owe([(resolved(alert(0)), [alert(0)]), (resolved(alert(1)), [alert(1)])])
            hook.otherwise = 200
            await until(lambda: len(deliveries) == 2, "told")
            await until(lambda: not offered.waiting, "nothing is owed")

    asyncio.run(play())
    assert [body["type"] for _, body in hook.taken] == ["success"] * 2


def test_a_mail_is_html_with_all_markup_escaped_and_the_picture_attached() -> None:
    """A run whose name is markup comes by mail as that name, in an HTML part, beside a PNG."""
    mailbox, port = Mailbox(), ports.free()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    url = f"mailto://127.0.0.1:{port}/?from=runwire@example.org&to=oncall@example.org&mode=insecure"
    try:

        async def play() -> None:
            async with offering(AppriseChannel(url, 20), plots=True) as (offered, deliveries):
                name = "<img src=x onerror=alert(1)>"
                offered.tell(alert(name=name, title=f"{name}: it burns", text=f"{name}: it burns\n<b>line</b>"))
                await until(lambda: deliveries, "sent")

        asyncio.run(play())
    finally:
        server.stop()
    [mail] = mailbox.mails
    assert mail["To"].addresses[0].addr_spec == "oncall@example.org"
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    html = parts["text/html"].get_content()
    assert "&lt;img src=x onerror=alert(1)&gt;: it burns" in html
    assert "<pre>&lt;b&gt;line&lt;/b&gt;</pre>" in html
    assert "<img" not in html
    assert parts["image/png"].get_content().startswith(b"\x89PNG")


def test_what_fails_is_tried_again_and_its_reason_told_without_secrets(
    hook: Receiver, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two times 500, then taken: the reason is in the log, and no part of the address but the host is anywhere."""
    hook.statuses[""] = [500, 500]

    async def play() -> None:
        with caplog.at_level(logging.INFO):
            async with offering(AppriseChannel(json_url(hook, "?+X-Key=s3cret"), 10)) as (offered, deliveries):
                offered.tell(alert())
                await until(lambda: deliveries, "told")

    asyncio.run(play())
    assert len(hook.taken) == 1
    logged = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]  # the receiver's
    said = capsys.readouterr().out
    assert said.count("error=500") == 2
    assert not any(word in text for text in [said, *logged] for word in ("pa55word", "t0ken", "s3cret"))


def test_a_service_that_hangs_keeps_few_threads_and_gets_nothing_twice(hook: Receiver) -> None:
    """Six notices to a service without an answer take four threads; once it answers, each has come once."""
    hook.hangs = True

    async def play() -> None:
        way = AppriseChannel(json_url(hook, "?rto=30"), 0.2)
        async with offering(way) as (offered, deliveries):
            before = threading.active_count()
            for number in range(6):
                offered.tell(alert(number))
            await until(lambda: len(hook.asked) == THREADS_MAX, "all threads hang")
            await until(lambda: offered._breaker.open, "it is given up on for a while")
            assert threading.active_count() - before <= THREADS_MAX
            assert not deliveries
            hook.go_on()
            await until(lambda: len(deliveries) == 6, "all told")

    asyncio.run(play())
    assert len(hook.taken) == 6


def test_the_loop_goes_on_while_apprise_waits(hook: Receiver) -> None:
    """Apprise waits for an answer in a thread: nothing else of alerting stands still meanwhile."""
    hook.hangs = True

    async def play() -> float:
        async with offering(AppriseChannel(json_url(hook), 5)) as (offered, _):
            offered.tell(alert())
            await until(lambda: hook.asked, "it waits")
            began = time.monotonic()
            await asyncio.sleep(0)
            return time.monotonic() - began

    assert asyncio.run(play()) < 1


@pytest.mark.parametrize(
    "said",
    [
        "cannot post to /t0ken/s%2Fcret",
        "user us3r has no pa55word here",
        "HTTPSConnectionPool(host='hooks.lab', port=9)",
        "t0ken/s/cret?key=q3ery",
    ],
)
def test_whatever_a_service_says_is_told_without_any_piece_of_its_address(said: str) -> None:
    """Path, user, password, host and query, also as they are written in an address."""
    way = AppriseChannel("json://us3r:pa55word@hooks.lab:99/t0ken/s%2Fcret?+X-Key=q3ery", 5)
    masked = way._masked(said)
    assert "…" in masked
    assert not any(word in masked for word in ("us3r", "pa55word", "hooks.lab", "t0ken", "cret", "q3ery"))


@pytest.mark.parametrize("url", ["nonsense://x", "slack://", "", "no address"])
def test_an_address_that_apprise_does_not_know_is_refused_without_being_told(url: str) -> None:
    """The message says where to look, and holds nothing of the address."""
    with pytest.raises(ReceiverError, match=r"an address as https://appriseit.com/services/ writes it"):
        AppriseChannel(url, 5)


def test_an_address_of_the_web_is_a_services_own_or_a_webhook() -> None:
    """What a service shows for copying goes by Apprise, whatever else begins with https is a webhook."""
    slack = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert apprise.known(slack)
    assert isinstance(channel("x", Declaration(url=slack)), AppriseChannel)
    assert isinstance(channel("x", Declaration(url="https://example.org/hook")), Webhook)


def test_each_service_gets_the_format_that_it_shows(hook: Receiver) -> None:
    """``?format=`` of an address chooses between plain text, Markdown and HTML."""
    told = compose(alert(text="a <b> *c*"))

    async def play() -> None:
        for form in ("text", "markdown", "html"):
            assert (await AppriseChannel(json_url(hook, f"?format={form}"), 10).send(told)).taken

    asyncio.run(play())
    plain, markdown, html = (body["message"] for _, body in hook.taken)
    assert plain.startswith("a <b> *c*\n")
    assert markdown.startswith("a \\<b\\> \\*c\\*\n")
    assert html.startswith("<p>a &lt;b&gt; *c*</p>")
