"""What is kept of each rank outside of the worker, so that whoever goes on with it judges as this one would have.

A rank is kept about once a minute, as one record of a compacted topic. Pulses of the last minutes are read again at a
start (`history`); those that the record knows are passed over, so the others are judged as they would have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from runwire.errors import WireError
from runwire.wire import VERSION, dumps, loads
from runwire_alerting.health import Health, Rank
from runwire_alerting.rules import Armed
from runwire_alerting.rules.detecting import Detecting, dumped

#: So often a rank is kept. Twice as long must be read back at a start.
SECONDS = 60
_SECOND = 1_000_000
#: What is found anew by whoever goes on: where its records lie, when they came, when it was kept, and what only
#: pictures need.
_NOT_KEPT = frozenset(
    {"facts", "course", "replicas", "machine", "pace", "peers", "hosts", "memory", "choice", "recent", "partition",
     "arrived", "kept"}
)  # fmt: skip
_KEPT = tuple(field.name for field in fields(Rank) if field.name not in _NOT_KEPT)


def key(rank: Rank) -> bytes:
    """Return the key of a rank's record."""
    return f"{rank.run}/{rank.rank}".encode()


def due(ranks: Iterable[Rank], now: int) -> Iterator[Rank]:
    """Yield the ranks that are to be kept now; of those that were found together a part each second."""
    for rank in ranks:
        if rank.kept == 0:
            rank.kept = now - hash((rank.run, rank.rank)) % SECONDS * _SECOND
        if now - rank.kept >= SECONDS * _SECOND and rank.arrived > rank.kept:
            rank.kept = now
            yield rank


def encode(rank: Rank) -> bytes:
    """Return a rank's record."""
    facts = rank.facts
    return dumps(
        {
            "v": VERSION,
            **{name: getattr(rank, name) for name in _KEPT},
            "facts": {"tags": sorted(facts.tags), "config": facts.config, "roles": facts.roles},
            "course": rank.course.dump(),
            "memory": {name: dumped(courses) for name, courses in rank.memory.items() if courses.chosen},
        }
    )


def restore(value: bytes, health: Health, armed: Iterable[Armed], now: int) -> None:
    """Put a rank back as its record has it.

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
        rank = health.begin(told["run"], told["rank"], told["attempt"], told["watched"])
        for name in _KEPT:
            setattr(rank, name, told[name])
        rank.arrived = now
        rank.course.load(told["course"])
        facts = rank.facts
        facts.tags.update(told["facts"]["tags"])
        facts.config.update(told["facts"]["config"])
        facts.roles.update(told["facts"]["roles"])
        for one in armed:
            if isinstance(one.rule, Detecting) and one.name in told["memory"]:
                one.rule.restore(rank, told["memory"][one.name])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WireError(f"no record of a rank ({error!r})") from error
