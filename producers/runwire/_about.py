"""What a run is when it begins, and where it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runwire._addresses import Address


@dataclass(frozen=True)
class About:
    """A run, as it begins.

    Attributes:
        id, rank: whose it is.
        project, name, entity, group, job_type, notes, tags: as `runwire.Run` has them.
        config: with the values as they were given.
        told: what the run's first event says.
        resumed: whether the run was there before.
        next_step: the step of the first row without one.
    """

    id: str
    rank: int
    project: str
    name: str
    entity: str | None
    group: str | None
    job_type: str | None
    notes: str | None
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    told: Mapping[str, Any]
    resumed: bool
    next_step: int


@dataclass(frozen=True)
class Place:
    """Where a run is recorded.

    Attributes:
        home: the home.
        spools: this host's spools in it.
        kafka: where it is delivered, as far as is known.
    """

    home: Path
    spools: Path
    kafka: Address | None
