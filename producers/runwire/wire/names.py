"""What a run, a rank and a metric may be called; checked where data enters, and nowhere else again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from runwire.errors import WireError

#: A run's id is a folder's name, a URL's part and a Kafka key.
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
METRIC_BYTES_MAX = 512
#: A metric whose name begins so is measured beside a run, not logged by it. Its points have no step of the training:
#: their step is the time itself, milliseconds since the epoch.
SYSTEM = "system/"
RANK_MAX = 2**32 - 1
#: A seq, the place of a row or an event in its run's order, begins with the second at which its attempt began.
ATTEMPT_SHIFT = 32


def check_run(value: Any) -> str:
    """Return ``value`` if it is a run's id.

    Raises:
        WireError: it is none.
    """
    if isinstance(value, str) and RUN_ID.fullmatch(value):
        return value
    raise WireError(
        f"{value!r:.80} is no run id: 1 to 64 letters, digits, '_', '.', '-', the first a letter or a digit"
    )


def check_rank(value: Any) -> int:
    """Return ``value`` if it is a rank: an integer from 0 to 2^32 - 1.

    Raises:
        WireError: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= RANK_MAX:
        return value
    raise WireError(f"{value!r:.80} is no rank: an integer from 0 to {RANK_MAX}")


def check_metric(value: Any) -> str:
    """Return ``value`` if it is a metric's name: 1 to 512 bytes of UTF-8 without control characters.

    Raises:
        WireError: it is none.
    """
    if not isinstance(value, str):
        raise WireError(f"{value!r:.80} is no metric name: it is a {type(value).__name__}, not a string")
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise WireError(f"{value!a:.80} is no metric name: it is not valid Unicode") from None
    if not 0 < size <= METRIC_BYTES_MAX:
        raise WireError(f"{value!r:.80} is no metric name: {size} bytes, allowed are 1 to {METRIC_BYTES_MAX}")
    if not value.isprintable():
        raise WireError(f"{value!a:.80} is no metric name: it holds a control character")
    return value


def is_system(metric: str) -> bool:
    """Return whether a metric is measured beside the run: then its steps are milliseconds since the epoch."""
    return metric.startswith(SYSTEM)


def are_samples(keys: Sequence[str]) -> bool:
    """Return whether rows of these metrics were measured beside the run."""
    return bool(keys) and all(map(is_system, keys))
