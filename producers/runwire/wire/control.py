"""Requests to running runs: the one kind of record that goes towards a training process instead of away from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runwire.errors import WireError
from runwire.wire.json import dumps
from runwire.wire.messages import VERSION, _natural, _record
from runwire.wire.names import check_run

#: Whoever asks may give so many characters as a reason, and as who it is.
REASON_MAX, BY_MAX = 500, 200


@dataclass(frozen=True)
class StopRequest:
    """Asks every process of a run to stop by its own hand.

    Attributes:
        run: which run.
        attempt: the newest of its attempts as far as whoever asks knows: one that begins later is not meant.
        by: who asks, as they call themselves.
        reason: why, "" if that was not said.
        asked_at: when, microseconds since the epoch; it also tells one request of a run from the next.
    """

    run: str
    attempt: int
    by: str
    reason: str
    asked_at: int

    def encode(self) -> bytes:
        """Return the record's value."""
        return dumps({"v": VERSION, "type": "stop", **asdict(self)})

    @classmethod
    def parse(cls, value: bytes) -> StopRequest:
        """Read a record's value.

        Raises:
            WireError: it is no such request.
        """
        record = _record(value)
        if record.get("type") != "stop":
            raise WireError(f"type is {record.get('type')!r:.40}, expected stop")
        return cls(
            run=check_run(record.get("run")),
            attempt=_natural(record, "attempt", bits=63),
            by=_text(record, "by", BY_MAX),
            reason=_text(record, "reason", REASON_MAX),
            asked_at=_natural(record, "asked_at", bits=63),
        )


def _text(record: dict[str, Any], key: str, longest: int) -> str:
    value = record.get(key)
    if not isinstance(value, str) or len(value) > longest:
        raise WireError(f"{key} is {value!r:.80}, expected a text of at most {longest} characters")
    return value
