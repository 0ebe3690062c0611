"""When so much of what comes cannot be read that to go on would put a topic aside, record by record.

Now and then a record cannot be read; then all others go on. But where most cannot be, something is wrong that a person
must mend: a producer's new version, a topic that is not ours. Then the worker stops before it puts them aside, as often
as it is started, and they stay where they are, until it can read them or is told that they may go.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from runwire.errors import ConfigError

_PREFIX = "RUNWIRE_UNREADABLE_"


class Limits(BaseSettings):
    """How much may be unreadable; each is read from ``RUNWIRE_UNREADABLE_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    share_max: float = Field(
        default=0.5, ge=0, le=1, description="a worker stops when a larger share of recent records cannot be read;"
    )
    count_min: int = Field(default=100, ge=1, description="but not for fewer unreadable records than this")
    window: int = Field(default=1000, ge=1, description="about so many records are recent")


def limits() -> Limits:
    """Return the limits that the environment sets, else the defaults.

    Raises:
        ConfigError: one is not what it must be; the message names it.
    """
    try:
        return Limits()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{_PREFIX}{'_'.join(str(part) for part in first['loc']).upper()}"
        raise ConfigError(f"{name} is {first['input']!r}: {first['msg']}") from None


class Flood:
    """How many of the recent records could not be read; kept in a file, so that a restart is no new start.

    Args:
        file: where it is kept; this worker's alone.
        limits: how much may be unreadable; None for the environment's.

    Raises:
        ConfigError: a limit in the environment is not what it must be.
    """

    def __init__(self, file: Path, told: Limits | None = None) -> None:
        self._file = file
        self.limits = told or limits()
        self._bad, self._seen = _read(file)

    def is_one(self, bad: int, seen: int) -> bool:
        """Return whether there would be too many with ``bad`` more among ``seen`` more."""
        count, of = self._with(bad, seen)
        return bad > 0 and count >= self.limits.count_min and count > self.limits.share_max * of

    def note(self, bad: int, seen: int) -> None:
        """Take in how many records could not be read of how many that were handled."""
        before = round(self._bad)
        if self.limits.share_max == 1:
            # Told that they may go: neither these nor those that came before are to count once that is over.
            bad, self._bad = 0, 0.0
        self._bad, self._seen = self._with(bad, seen)
        if bad or round(self._bad) != before:
            with suppress(OSError):  # a full disk is no reason to read nothing
                new = self._file.with_suffix(".new")
                new.write_text(json.dumps({"bad": self._bad, "seen": self._seen}))
                new.replace(self._file)

    def _with(self, bad: int, seen: int) -> tuple[float, float]:
        """Return both numbers with so many more, as many of the older ones forgotten as the window has no room for.

        Which of these were bad is not known, so they are taken to be a fair sample: an exact window takes its length.
        """
        left = max(0, self.limits.window - seen)
        kept = min(1.0, left / self._seen) if self._seen else 0.0
        return self._bad * kept + bad, self._seen * kept + seen


def _read(file: Path) -> tuple[float, float]:
    try:
        told = json.loads(file.read_text())
        return float(told["bad"]), float(told["seen"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0, 0.0  # there is none yet, or none that can be read
