"""The moments at which what is not urgent is sent: of many spools at once.

A request to Kafka costs as much as dozens of records, so they share requests instead of each having its own.
"""

from __future__ import annotations

SECONDS = 0.2


def before(at: float) -> float:
    """Return the last of the moments that is not after ``at``, by the monotonic clock."""
    return at - at % SECONDS


def after(at: float) -> float:
    """Return the first of the moments that is after ``at``."""
    return before(at) + SECONDS
