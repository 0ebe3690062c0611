"""What happens in a round: who logs what, and which faults come when. Made from a seed, so a round can be had again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

#: How often a kind of fault is chosen among the others.
WEIGHTS = {
    "kill trainer": 3,
    "resume beside": 2,
    "resume elsewhere": 2,
    "stale takeover": 3,
    "kill shipper": 2,
    "kill stream": 2,
    "kill kafka": 2,
    "kill clickhouse": 2,
    "kill alerting": 1,
    "kill server": 1,
    "freeze trainer": 1,
    "freeze shipper": 2,
    "freeze stream": 2,
    "freeze stream at insert": 3,
    "freeze kafka": 2,
    "freeze clickhouse": 2,
    "freeze alerting": 1,
    "add worker": 2,
    "stop worker": 2,
    "kill worker": 2,
    "fill disk": 2,
}
#: Past the session of the stream's group, 10 s, and past alerting's, 6 s: others get the partitions meanwhile.
STREAM_FROZEN_SECONDS, ALERTING_FROZEN_SECONDS = 12.0, 8.0
FILL = "fill disk"

_FAULTS_MIN, _FAULTS_MAX = 5, 8
_LAST_FAULT_SECONDS = 6.0
_PAUSE_SECONDS = 0.004
_ROWS = 1_500


@dataclass(frozen=True)
class Rank:
    """One process's part of a run, however many attempts it takes.

    Attributes:
        seed: of its data; attempt n adds n.
        rows: how many are logged, over all attempts.
        unrest: see `known.rows`.
        kind: "plain"; "resumed": its process may be killed, and another goes on; "small": it logs to the small disk.
    """

    run: str
    rank: int
    seed: int
    rows: int
    metrics: int
    unrest: float
    kind: str
    pause: float = _PAUSE_SECONDS


@dataclass(frozen=True)
class Fault:
    """Something that happens to a process.

    Attributes:
        kind: one of WEIGHTS.
        at: seconds after all trainers have begun to log.
        seconds: how long it lasts, where it does.
        pick: which of those to whom it may happen, modulo their number.
    """

    kind: str
    at: float
    seconds: float
    pick: int


@dataclass(frozen=True)
class Plan:
    """A round."""

    number: int
    ranks: Sequence[Rank]
    faults: Sequence[Fault]


def make(seed: int, number: int, kinds: Sequence[str] | None = None) -> Plan:
    """Return the round that seed and number name.

    Args:
        seed: of all rounds.
        number: of this round.
        kinds: the faults; None to choose.
    """
    rng = random.Random(f"{seed}/{number}")
    if kinds is None:
        kinds = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=rng.randint(_FAULTS_MIN, _FAULTS_MAX))
        # There is one disk to fill.
        kinds = [kind for place, kind in enumerate(kinds) if kind != FILL or kind not in kinds[:place]]
    faults = [_fault(rng, kind) for kind in kinds]
    return Plan(number, _ranks(rng, f"s{seed}-r{number}", small=FILL in kinds), sorted(faults, key=lambda f: f.at))


def _fault(rng: random.Random, kind: str) -> Fault:
    if kind in {"freeze stream", "freeze stream at insert"}:
        at, seconds = rng.uniform(0.5, 2.5), STREAM_FROZEN_SECONDS  # early: rows are to come meanwhile
    elif kind == "freeze alerting":
        at, seconds = rng.uniform(0.5, 3), ALERTING_FROZEN_SECONDS
    elif kind == "stale takeover":
        at, seconds = rng.uniform(0, 1), STREAM_FROZEN_SECONDS
    elif kind == FILL:
        at, seconds = rng.uniform(0.5, 3), rng.uniform(1, 2.5)  # over before the run is: it is to say what it dropped
    else:
        at, seconds = rng.uniform(0.5, _LAST_FAULT_SECONDS), rng.uniform(1, 3)
    return Fault(kind, at, seconds, rng.randrange(1 << 16))


def _ranks(rng: random.Random, name: str, *, small: bool) -> list[Rank]:
    many = rng.randint(2, 4)
    parts = [
        (f"{name}-single", 1, 10, "plain"),
        (f"{name}-many", many, 4, "plain"),
        (f"{name}-resumed", 2, 6, "resumed"),
    ]
    if small:
        parts.append((f"{name}-small", 1, 30, "small"))
    return [
        # On the disk that is filled no step comes twice: so each row that is missing can be told.
        Rank(run, rank, rng.randrange(1 << 30), _ROWS, metrics, 0.0 if kind == "small" else 0.004, kind)
        for run, count, metrics, kind in parts
        for rank in range(count)
    ]
