"""Events, pulses and alerts: each reads what it writes, and refuses what it is not."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

from runwire.errors import WireError
from runwire.wire import Alert, Event, MetricPulse, Pulse, dumps, loads

EVENT = Event("config", "run-1", 3, 12 << 32 | 7, 1_700_000_000_000_000, {"lr": 1e-4, "nested": {"a": [1, None]}})
PULSE = Pulse(
    run="run-1",
    rank=0,
    attempt=12,
    project="p",
    name="n",
    host="h",
    pid=1,
    sent=3,
    interval=1.0,
    alive=True,
    started=1,
    progressed=2,
    step=9,
    steps=10,
    step_seconds_max=0.5,
    phase="train",
    replicated={"norm": (8, math.inf), "loss": (7, 0.5)},
    metrics={
        "loss": MetricPulse(
            count=4,
            last=math.inf,
            min=0.5,
            max=1.5,
            sum=2.0,
            nonfinite=2,
            first_nonfinite={"step": 8, "ts": 2, "value": -math.inf, "before": [(6, 0.5), (7, 1.5)]},
        )
    },
)
ALERT = Alert(
    id="a",
    episode=1,
    state="firing",
    rule="nonfinite",
    severity="critical",
    run="run-1",
    project="p",
    name="n",
    host="h",
    title="t",
    text="x",
    fired_at=5,
    version=1,
    rank=0,
    attempt=12,
    metric="loss",
    step=8,
    value=math.inf,
    before=[(6, 0.5)],
    caused_at=4,
    delivered_at={"digest": 6},
)


@pytest.mark.parametrize("message", [EVENT, PULSE, ALERT], ids=lambda message: type(message).__name__)
def test_each_message_reads_back_what_it_wrote(message: Event | Pulse | Alert) -> None:
    """Encoding and parsing lose nothing, infinities included."""
    assert type(message).parse(message.encode()) == message


def test_an_alert_of_before_kinds_were_told_is_of_its_rules_kind() -> None:
    """Rules had the names of their kinds then, as far as anybody went by them."""
    record = loads(ALERT.encode())
    del record["kind"]
    assert Alert.parse(dumps(record)).kind == ALERT.rule


@pytest.mark.parametrize("message", [EVENT, PULSE, ALERT], ids=lambda message: type(message).__name__)
def test_a_field_of_the_wrong_kind_is_refused_and_named(message: Event | Pulse | Alert) -> None:
    """Each field, spoiled by itself, is refused; nothing of a foreign shape gets past the edge."""
    record = loads(message.encode())
    for field in record:
        spoiled = "no object" if field in {"data", "metrics", "delivered_at"} else {"an": "object"}
        with pytest.raises(WireError):
            type(message).parse(dumps(record | {field: spoiled}))


@pytest.mark.parametrize("message", [EVENT, PULSE, ALERT], ids=lambda message: type(message).__name__)
def test_a_field_that_is_missing_has_a_default_or_is_refused_by_an_error_of_ours(
    message: Event | Pulse | Alert,
) -> None:
    """A stranger's record ends as a dead letter, never by an error that nobody expects."""
    record = loads(message.encode())
    for field in record:
        rest = dumps({key: value for key, value in record.items() if key != field})
        with suppress(WireError):
            type(message).parse(rest)


@pytest.mark.parametrize(("field", "value"), [("step", 2**63), ("seq", -1), ("ts", 2**64 - 1), ("rank", 2**32)])
def test_a_number_beyond_its_column_is_refused(field: str, value: int) -> None:
    """What ClickHouse could not hold does not get that far."""
    message = PULSE if field == "step" else EVENT
    with pytest.raises(WireError):
        type(message).parse(dumps(loads(message.encode()) | {field: value}))


def test_another_version_is_refused_with_what_to_do() -> None:
    """A program that is too old for a record says so instead of guessing."""
    with pytest.raises(WireError, match="version 2, this program reads version 1: run the newer Runwire"):
        Event.parse(dumps(loads(EVENT.encode()) | {"v": 2}))


@pytest.mark.parametrize("value", [b"", b"[]", b"null", b"{}", b'{"v":1}', b"\xff"])
def test_what_is_no_message_is_refused(value: bytes) -> None:
    """Any bytes are either a message or a WireError."""
    for kind in (Event, Pulse, Alert):
        with pytest.raises(WireError):
            kind.parse(value)
