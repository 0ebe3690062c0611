"""What is kept of each rank outside of the worker, so that whoever goes on with it judges as this one would have.

A rank is kept about once a minute, as one record of a compacted topic. Pulses of the last minutes are read again at a
start (`history`); those that the record knows are passed over, so the others are judged as they would have been.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from zlib import crc32

import structlog

from runwire.errors import WireError
from runwire.wire import VERSION, dumps, loads
from runwire_alerting.health import Health, Rank
from runwire_alerting.machine import Machine, Minute
from runwire_alerting.pace import Pace
from runwire_alerting.rules import Armed
from runwire_alerting.rules.detecting import Detecting, dumped

_log = structlog.get_logger(__name__)

#: So often a rank is kept. Twice as long must be read back at a start.
SECONDS = 60
#: A little less than Kafka takes of a record unless it is told otherwise.
RECORD_BYTES_MAX = 1_000_000
_SECOND = 1_000_000
#: What is found anew by whoever goes on, as where its records lie; what only pictures need; and what is kept of its own
#: form, or under its own condition.
_NOT_KEPT = frozenset(
    {"facts", "course", "replicas", "machine", "pace", "peers", "hosts", "memory", "choice", "recent", "partition",
     "arrived", "fresh", "kept"}
)  # fmt: skip
_KEPT = tuple(field.name for field in fields(Rank) if field.name not in _NOT_KEPT)


def key(rank: Rank) -> bytes:
    """Return the key of a rank's record."""
    return f"{rank.run}/{rank.rank}".encode()


def due(ranks: Iterable[Rank], now: int) -> Iterator[Rank]:
    """Yield the ranks that are to be kept now; of those that were found together a part each second."""
    for rank in ranks:
        if rank.kept == 0:
            rank.kept = now - crc32(key(rank)) % SECONDS * _SECOND
        if now - rank.kept >= SECONDS * _SECOND and rank.fresh:
            rank.kept, rank.fresh = now, False
            yield rank


def records(ranks: Iterable[Rank], now: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of what is to be kept now. A rank that cannot be written is no reason to keep no other."""
    for rank in due(ranks, now):
        try:
            yield key(rank), _fitting(rank)
        except WireError as error:  # noqa: PERF203 -- one rank's trouble is not the next one's
            _log.error("what was learnt of a rank is not kept", run=rank.run, rank=rank.rank, reason=str(error))


def encode(rank: Rank, *, config: bool = True) -> bytes:
    """Return a rank's record.

    Args:
        rank: what is known of it.
        config: whether its run's config is in it.

    Raises:
        WireError: something in it is nothing that JSON knows.
    """
    facts = rank.facts
    return dumps(
        {
            "v": VERSION,
            **{name: getattr(rank, name) for name in _KEPT},
            "arrived": rank.arrived,
            "kept": rank.kept,
            "facts": {"tags": sorted(facts.tags), "config": facts.config if config else {}, "roles": facts.roles},
            "course": rank.course.dump(),
            "machine": _plain(rank.machine),
            "pace": _plain(rank.pace),
            "memory": {name: dumped(courses) for name, courses in rank.memory.items() if courses.chosen},
        }
    )


def restore(value: bytes, partition: int, health: Health, armed: Iterable[Armed], now: int) -> None:
    """Put a rank back as its record has it. What a record of another version does not say is as in the beginning.

    Args:
        value: the record.
        partition: where the run's pulses and events lie.
        health: where it is put.
        armed: the rules, whose memory it holds.
        now: when it was heard last, if the record does not say.

    Raises:
        WireError: it is no such record, or another version's.
    """
    told: dict[str, Any] = loads(value)
    try:
        if told["v"] != VERSION:
            raise WireError(f"version {told['v']!r:.40}, this program reads version {VERSION}")
        known = health.get(told["run"], told["rank"])
        if known is not None and (known.attempt, known.sent) >= (told["attempt"], told["sent"]):
            return  # topics were given more partitions since: the other record is the later one
        known_of = told["facts"]
        rank = health.begin(told["run"], told["rank"], told["attempt"], told["watched"])
        for name in _KEPT:
            setattr(rank, name, told.get(name, getattr(rank, name)))
        rank.partition, rank.arrived = partition, told.get("arrived", now)
        rank.course.load(told["course"])
        rank.machine, rank.pace = _filled(Machine(), told.get("machine")), _filled(Pace(), told.get("pace"))
        if rank.machine is not None:
            rank.machine.minutes.extend(_filled(Minute(0), minute) for minute in told["machine"]["minutes"])
        if told.get("kept", 0) >= rank.facts.kept:  # else another rank's record tells of a later state of the run
            facts = rank.facts
            facts.tags, facts.config, facts.roles = set(known_of["tags"]), known_of["config"], known_of["roles"]
            facts.kept = told.get("kept", 0)
        for one in armed:
            if isinstance(one.rule, Detecting) and one.name in told["memory"]:
                one.rule.restore(rank, told["memory"][one.name])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WireError(f"no record of a rank ({error!r})") from error


def _fitting(rank: Rank) -> bytes:
    """Return a rank's record as Kafka takes it. A config may have been told in parts, and be of any size."""
    value = encode(rank)
    if len(value) > RECORD_BYTES_MAX:
        _log.warning(
            "a rank is kept without its run's config, for it is too large",
            run=rank.run,
            rank=rank.rank,
            bytes=len(value),
        )
        value = encode(rank, config=False)
    if len(value) > RECORD_BYTES_MAX:
        raise WireError(f"it takes {len(value)} bytes, {RECORD_BYTES_MAX} are the most")
    return value


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: of an object its fields, of a set its members, of a mapping its pairs."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(one)] for key, one in value.items()]
    if isinstance(value, (list, tuple, deque, frozenset)):
        return [_plain(one) for one in value]
    return value


def _filled(new: Any, told: Mapping[str, Any] | None) -> Any:
    """Return a new object with what `_plain` told of its fields, but for those that hold objects; None of None."""
    if told is None:
        return None
    for field in fields(new):
        like = getattr(new, field.name)
        if field.name not in told or isinstance(like, deque):
            continue
        value = told[field.name]
        if isinstance(like, Mapping):
            value = {tuple(key) if isinstance(key, list) else key: one for key, one in value}
        elif isinstance(like, frozenset):
            value = frozenset(value)
        setattr(new, field.name, value)
    return new
