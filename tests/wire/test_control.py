"""Requests to runs: read as they were written, and nothing else read."""

from __future__ import annotations

from typing import Any

import pytest

from runwire.errors import WireError
from runwire.wire import Alert, StopRequest, dumps, loads
from runwire.wire.control import BY_MAX, REASON_MAX

REQUEST = StopRequest("run-1", 12, "ada@desk", "the loss is flat", 1_700_000_000_000_000)


def test_a_request_is_read_as_it_was_written() -> None:
    """Every field."""
    assert StopRequest.parse(REQUEST.encode()) == REQUEST


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("type", "go"),
        ("type", None),
        ("run", "a/b"),
        ("attempt", -1),
        ("attempt", True),
        ("attempt", "12"),
        ("by", None),
        ("by", "x" * (BY_MAX + 1)),
        ("reason", "x" * (REASON_MAX + 1)),
        ("asked_at", 2**63),
    ],
)
def test_what_is_no_request_is_refused(field: str, value: Any) -> None:
    """Each field that is missing, of another type, or too long, says so."""
    with pytest.raises(WireError, match=field if field != "v" else "version"):
        StopRequest.parse(dumps({**loads(REQUEST.encode()), field: value}))
    with pytest.raises(WireError):
        StopRequest.parse(b"[]")


def test_an_alert_is_no_request_and_a_request_no_alert() -> None:
    """Both come by one file to the training process, which tells them apart so."""
    alert = Alert("i", 1, "firing", "crash", "info", "run", "p", "n", "h", "t", "t", 1, 1)
    with pytest.raises(WireError):
        StopRequest.parse(alert.encode())
    with pytest.raises(WireError):
        Alert.parse(REQUEST.encode())
