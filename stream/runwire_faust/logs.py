"""What a worker says of itself: a line of key=value an event, on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

import structlog


def configure(silent: Iterable[str] = ()) -> None:
    """Have structlog write to stderr, and the libraries' own loggers, from warnings on.

    Args:
        silent: loggers of libraries that say nothing short of critical, for we tell what they would.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for name in silent:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
