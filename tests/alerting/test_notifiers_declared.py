"""Notifiers and routes as a YAML file declares them, and what is said of a file that is wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from notices import alert, resolved
from pydantic import ValidationError

from runwire_alerting.errors import DeclarationError, ReceiverError
from runwire_alerting.notifiers import declaration
from runwire_alerting.notifiers.declaration import Declaration, Declared
from runwire_alerting.notifiers.receivers import receivers
from runwire_alerting.routes import Hours, Want
from runwire_alerting.settings import Settings

WHOLE = """
notifiers:
  chat:
    url: ${CHAT_URL}
  pager:
    url_file: PAGER
    plot: false
    timeout: 20s
  hook:
    url: https://example.org/hook
    secret: ${HOOK_SECRET}
routes:
  - name: nights
    to: pager
    severity: critical
    project: [llm-*, vision]
    hours: {zone: Europe/Berlin, from: 18:00, to: 09:00}
    repeat: 4h
    continue: true
  - to: [hook]
    rule: [gpu_*]
    tags: prod
    resolved: false
  - to: [chat]
"""


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads a file of that text: ``declare(text)``."""
    monkeypatch.setenv("CHAT_URL", "json://user:pa55word@127.0.0.1/t0ken")
    monkeypatch.setenv("HOOK_SECRET", "s3cret-" * 5)
    (tmp_path / "pager").write_text("json://127.0.0.1/pager-t0ken\n")

    def read(text: str) -> Declared:
        file = tmp_path / "alerts.yaml"
        file.write_text(text.replace("PAGER", str(tmp_path / "pager")))
        return declaration.read(file)

    return read


def told(declared: Declared, **about: Any) -> list[str]:
    """Return who is told of an alert."""
    one = alert(**about)
    return [name for name in declared.notifiers if declared.routes.want(name, one) is not None]


def at(hour: int, minute: int = 0, day: int = 15) -> int:
    """Return a time of a January in Berlin; the 15th is a Thursday. Microseconds since the epoch."""
    return round(datetime(2026, 1, day, hour, minute, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1_000_000)


def test_secrets_come_from_the_environment_and_from_files(declare: Any) -> None:
    """What they hold is filled in; none of it is in what a log or an exception could show."""
    found = declare(WHOLE)
    assert found.notifiers["chat"].address == "json://user:pa55word@127.0.0.1/t0ken"
    assert found.notifiers["pager"].address == "json://127.0.0.1/pager-t0ken"
    assert found.notifiers["hook"].secrets == ("s3cret-" * 5,)
    assert (found.notifiers["pager"].timeout, found.notifiers["pager"].plot) == (20, False)
    assert not any(word in f"{found!r}{found}" for word in ("pa55word", "t0ken", "s3cret"))


def test_routes_are_asked_in_order_and_the_first_that_fits_decides(declare: Any) -> None:
    """Severity, project, rule, tags and hours, each of several values; ``continue`` asks on; the last takes all."""
    found = declare(WHOLE)
    night = {"fired_at": at(3), "severity": "critical", "project": "llm-7b"}
    assert told(found, **night) == ["chat", "pager"]
    assert told(found, **night, rule="gpu_xid", tags=["prod", "x"]) == ["pager", "hook"]
    assert told(found, **night, rule="gpu_xid") == ["chat", "pager"]
    assert told(found, **{**night, "fired_at": at(12)}) == ["chat"]
    assert told(found, **{**night, "severity": "warning"}) == ["chat"]
    assert told(found, **{**night, "project": "digits"}) == ["chat"]
    assert told(found, rule="gpu_xid", tags=["prod"]) == ["hook"]


def test_a_route_says_how_often_and_whether_the_end_is_told(declare: Any) -> None:
    """Repeat interval and resolved notices are those of the route that leads to a notifier."""
    found = declare(WHOLE)
    paged = alert(fired_at=at(3), severity="critical", project="vision")
    assert found.routes.want("pager", paged) == Want(repeat=4 * 3600.0)
    gpu = alert(rule="gpu_xid", tags=["prod"])
    assert found.routes.want("hook", gpu) == Want(repeat=None)
    assert found.routes.want("hook", resolved(gpu)) is None


def test_who_is_not_told_of_the_end_by_one_route_may_be_by_one_behind_it(declare: Any) -> None:
    """With ``continue`` the routes behind are asked of the end, too, for the same notifier; without they are not."""
    text = WHOLE[: WHOLE.index("routes:")] + "routes: [{to: hook, severity: critical, resolved: false%s}, {to: hook}]"
    over = resolved(alert())
    for more, wanted in ((", continue: true", True), ("", False)):
        routes = declare(text % more).routes
        assert routes.want("hook", alert()) is not None
        assert (routes.want("hook", over) is not None) is wanted


def test_an_episode_goes_one_way(declare: Any) -> None:
    """Who was told at night that it fires is told at noon that it is over."""
    found = declare(WHOLE)
    paged = alert(fired_at=at(3), severity="critical", project="vision")
    assert found.routes.want("pager", resolved(paged)) == Want(repeat=4 * 3600.0)


def test_without_routes_everybody_is_told(declare: Any) -> None:
    """No routes: all notifiers, of everything."""
    found = declare(WHOLE.partition("routes:")[0])
    assert told(found) == ["chat", "pager", "hook"]


@pytest.mark.parametrize(
    ("hours", "times", "hold"),
    [
        ({"from": "09:00", "to": "18:00"}, [at(8, 59), at(9), at(17, 59), at(18)], [False, True, True, False]),
        ({"from": 1080, "to": "09:00"}, [at(17, 59), at(18), at(23), at(0), at(8, 59), at(9)],
         [False, True, True, True, True, False]),
        ({"days": ["thu"], "from": "22:00", "to": "06:00"}, [at(23), at(5, day=16), at(5), at(23, day=16)],
         [True, True, False, False]),
        ({"days": "thu"}, [at(0), at(23, 59), at(0, day=16)], [True, True, False]),
        ({"from": "22:00"}, [at(21), at(22), at(23, 59), at(0)], [False, True, True, False]),
    ],
)  # fmt: skip
def test_hours_are_those_of_their_zone(hours: dict[str, Any], times: list[int], hold: list[bool]) -> None:
    """Within a day, over midnight (which belongs to the day on which it begins), whole days; whatever our own zone."""
    found = Hours(**{"zone": "Europe/Berlin", **hours})
    assert [found.hold(time) for time in times] == hold


def test_hours_follow_summer_time() -> None:
    """Nine in Berlin is eight UTC in winter and seven in summer."""
    found = Hours(**{"zone": "Europe/Berlin", "from": "09:00", "to": "10:00"})
    utc = ZoneInfo("UTC")
    eight = datetime(2026, 1, 15, 8, tzinfo=utc), datetime(2026, 7, 15, 8, tzinfo=utc)
    seven = datetime(2026, 1, 15, 7, tzinfo=utc), datetime(2026, 7, 15, 7, tzinfo=utc)
    assert [found.hold(round(time.timestamp() * 1_000_000)) for time in (*eight, *seven)] == [True, False, False, True]


BASE = "notifiers:\n  chat:\n    url: json://127.0.0.1\n"
WRONG = [
    ("notifiers:\n  chat:\n    url: ${NOT_SET}\n", 3, "notifiers.chat.url: the environment has no NOT_SET"),
    ("notifiers:\n  chat:\n    url_file: /nowhere\n", 3,
     "notifiers.chat.url_file: /nowhere cannot be read: No such file or directory"),
    ("notifiers:\n  chat: {}\n", 2, "notifiers.chat: expected one of url and url_file"),
    ("notifiers:\n  chat:\n    address: x\n", 3, "notifiers.chat.address: extra inputs are not permitted"),
    ("notifiers:\n  chat:\n    url: https://x.org\n    secret: pa55word\n", 4,
     "notifiers.chat.secret: a secret has at least 24 bytes: whsec_ and what `openssl rand -base64 32` says"),
    (f"notifiers:\n  chat:\n    url: slack://x\n    secret: {'pa55word' * 4}\n", 2,
     "notifiers.chat: only webhooks, https://…, are signed: leave the secret out"),
    ("notifiers:\n  chat:\n    url: json://pa55word@x\n    timeout: soon\n", 4,
     "notifiers.chat.timeout: write a time as 30s, 5m, 2h or 1d, or as a number of seconds"),
    ("notifiers:\n  'a b':\n    url: json://pa55word@x\n", 2,
     "notifiers.a b.[key]: the name of a notifier has letters, digits, '_', '.' and '-', 64 at most"),
    ("notifiers: [pa55word]\n", 1, "notifiers: input should be a valid dictionary"),
    (f"{BASE}routes:\n  - to: [chat, pagr]\n", 5, "routes.0.to: there is no notifier pagr"),
    (f"{BASE}routes:\n  - to: [chat]\n    severity: critical\n", 5,
     "routes.0: the last route has no condition, so that no alert is lost: add `- to: [NOTIFIER]`, or `- to: []`"),
    (f"{BASE}routes:\n  - to: [chat]\n  - to: []\n    severity: info\n  - to: []\n", 5,
     "routes.0: it has no condition, so none of those behind it is ever asked"),
    (f"{BASE}routes:\n  - to: []\n    severity: [fatal]\n", 6,
     "routes.0.severity.0: input should be 'info', 'warning' or 'critical'"),
    (f"{BASE}routes:\n  - to: []\n    hours: {{zone: Berlin}}\n", 6,
     "routes.0.hours.zone: no such time zone is known here: write it as Europe/Berlin"),
    (f"{BASE}routes:\n  - to: []\n    hours:\n      zone: UTC\n      from: 25:00\n", 8,
     "routes.0.hours.from: write a time of the day as 09:00"),
    (f"{BASE}  chat:\n    url: json://x\n", 4, "chat stands here twice"),
    (f"{BASE}rotes: []\n", 4, "rotes: expected rules, routes or notifiers"),
    ("notifiers: {chat: {url: pa55word\n", 2, "expected ',' or '}', but got '<stream end>'"),
    ("notifiers: !!python/object:os.system pa55word\n", 1,
     "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'"),
    ("- pa55word\n", 1, "expected keys with values at the top of it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), WRONG, ids=[said for _, _, said in WRONG])
def test_a_wrong_file_is_refused_with_line_and_reason(
    declare: Any, tmp_path: Path, text: str, line: int, said: str
) -> None:
    """Each mistake by its own file: the message is file, line, place and reason, whole, and holds no secret."""
    with pytest.raises(DeclarationError) as refused:
        declare(text)
    assert str(refused.value) == f"{tmp_path / 'alerts.yaml'}:{line}: {said}"
    assert "pa55word" not in str(refused.value)


def test_a_declaration_that_is_refused_shows_nothing_of_itself() -> None:
    """Also where somebody prints pydantic's own error."""
    with pytest.raises(ValidationError) as refused:
        Declaration(url="slack://pa55word", secret="pa55word" * 4)  # type: ignore[arg-type]
    assert "pa55word" not in str(refused.value)


def test_all_mistakes_are_told_at_once(declare: Any) -> None:
    """A line for each."""
    with pytest.raises(DeclarationError) as refused:
        declare("notifiers:\n  a: {}\n  b:\n    url: ${NOT_SET}\n")
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"a: \x00", None])
def test_a_file_that_is_no_text_or_is_not_there_is_said(tmp_path: Path, content: bytes | None) -> None:
    """The message names the file."""
    file = tmp_path / "alerts.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DeclarationError, match=r"alerts\.yaml cannot be read: "):
        declaration.read(file)


def test_an_empty_file_declares_nothing(declare: Any) -> None:
    """As no file does."""
    assert declare("").notifiers == {}
    assert declaration.read(None).notifiers == {}


def test_an_address_that_is_none_is_refused_by_its_notifiers_name(declare: Any) -> None:
    """The message names the notifier, and holds nothing of the address."""
    found = declare("notifiers:\n  chat:\n    url: nonsense://pa55word\n")
    with pytest.raises(ReceiverError, match=r"^the notifier chat takes an address as https://appriseit") as refused:
        receivers([], found, Settings(), None, None)  # type: ignore[arg-type]
    assert "pa55word" not in str(refused.value)


def test_a_notifier_whose_secret_changes_is_the_same_receiver(declare: Any) -> None:
    """What it was told is told by its name, so a new secret makes it hear nothing twice."""
    text = "notifiers:\n  hook:\n    url: https://example.org/"
    [before], [after] = (receivers([], declare(text + secret), Settings(), None, None) for secret in "ab")  # type: ignore[arg-type]
    assert before.digest == after.digest
