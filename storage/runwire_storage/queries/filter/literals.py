"""Numbers, durations and times, as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604_800}
_WORDS = {"second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"}

#: Durations have these units, and their words: 2 days.
UNITS = ("ms", "s", "min", "h", "d", "w")


def number(text: str) -> float | None:
    """Return the number that a text is, if it is one."""
    return float(text) if _NUMBER.fullmatch(text) else None


def unit(word: str) -> str | None:
    """Return the unit that a word names: d for days."""
    return word if word in UNITS else _WORDS.get(word.removesuffix("s"))


def duration(text: str) -> float | None:
    """Return the seconds that a text such as ``90s`` or ``1h30m`` stands for, if it does."""
    parts = _PART.findall(text)
    if not parts or "".join(amount + name for amount, name in parts) != text:
        return None
    sizes = [_SECONDS.get(name.lower()) for _, name in parts]
    if None in sizes:
        return None
    return sum(float(amount) * size for (amount, _), size in zip(parts, sizes, strict=True) if size is not None)


def ago(seconds: float, now: datetime) -> datetime | None:
    """Return the time so long before ``now``; None if there is none."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return None


def time(text: str, now: datetime) -> datetime | None:
    """Return the time that a text stands for, if it does: ISO 8601 (UTC unless it says otherwise), or a word.

    Args:
        text: as ``2026-11-24``, ``2026-11-24T10:30``, ``now``, ``today`` or ``yesterday``, the days being UTC's.
        now: in UTC.
    """
    days = {"now": now, "today": _midnight(now), "yesterday": _midnight(now) - timedelta(days=1)}
    if known := days.get(text.lower()):
        return known
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
        return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
