"""What docs/notifiers.md shows is read, verified, and complete."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from runwire_alerting.notifiers import declaration, signature
from runwire_alerting.notifiers.declaration import Declaration
from runwire_alerting.notifiers.receivers import receivers
from runwire_alerting.routes import Hours, Route
from runwire_alerting.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "notifiers.md").read_text()
SECRET = "whsec_" + "c2VjcmV0" * 6


def block(language: str) -> str:
    """Return the page's one block of a language."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def verified() -> Callable[..., bool]:
    """The page's function."""
    names: dict[str, Callable[..., bool]] = {}
    exec(block("python"), names)
    return names["verified"]


def signed(body: bytes, *, at: float, secrets: tuple[str, ...] = (SECRET,)) -> dict[str, str]:
    """Return the headers that a webhook of ours gets."""
    return signature.headers([signature.key(secret) for secret in secrets], "id-1-firing", int(at), body)


def test_the_snippet_verifies_what_we_sign_and_nothing_else(verified: Callable[..., bool]) -> None:
    """The right secret, also as one of two; not another body, id, time, secret, an old request, or none at all."""
    now = time.time()
    headers = signed(b"{}", at=now)
    assert verified(SECRET, headers, b"{}")
    assert verified(SECRET, signed(b"{}", at=now, secrets=("x" * 24, SECRET)), b"{}")
    assert verified("x" * 24, signed(b"{}", at=now, secrets=("x" * 24, SECRET)), b"{}")
    assert not verified(SECRET, headers, b"{ }")
    assert not verified(SECRET, {**headers, "webhook-id": "id-2-firing"}, b"{}")
    assert not verified(SECRET, {**headers, "webhook-timestamp": str(int(now) + 1)}, b"{}")
    assert not verified("y" * 24, headers, b"{}")
    assert not verified(SECRET, signed(b"{}", at=now - 301), b"{}")
    assert not verified(SECRET, {}, b"{}")


def test_the_file_that_is_shown_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its notifiers become receivers."""
    monkeypatch.setenv("SLACK_URL", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    monkeypatch.setenv("MAIL_PASSWORD", "p4ss")
    monkeypatch.setenv("CONSOLE_SECRET", SECRET)
    (tmp_path / "pagerduty").write_text("pagerduty://integration@key\n")
    file = tmp_path / "alerts.yaml"
    file.write_text(block("yaml").replace("/run/secrets", str(tmp_path)))
    found = declaration.read(file)
    made = receivers([], found, Settings(), None, None)  # type: ignore[arg-type]
    assert [one.place for one in made] == ["ml-alerts", "on-call", "lead", "console"]


@pytest.mark.parametrize(
    ("model", "heading"), [(Declaration, "## Notifiers"), (Route, "## Routes"), (Hours, "`hours`:")]
)
def test_every_field_is_described_as_the_code_does(model: type[BaseModel], heading: str) -> None:
    """The tables are what the models say of themselves."""
    table = PAGE.split(f"\n{heading}\n")[1].split("| field | meaning |")[1].split("\n\n")[0]
    written = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert written == {field.alias or name: field.description for name, field in model.model_fields.items()}
