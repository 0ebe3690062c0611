"""What a program says of itself: a line an event on stderr, for people as key=value, for machines as JSON.

Programs call `configure` when they start; whoever logs, by structlog or by `logging`, says it in that form.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable

import structlog
from structlog.typing import Processor

from runwire.errors import ConfigError

_FORMAT = "RUNWIRE_LOG_FORMAT"
_RENDERERS: dict[str, Processor] = {
    "logfmt": structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
    "json": structlog.processors.JSONRenderer(),
}


def configure(silent: Iterable[str] = (), aloud: Iterable[str] = ()) -> None:
    """Have structlog write to stderr, and Python's loggers, from warnings on.

    Args:
        silent: loggers of libraries that say nothing short of critical, for we tell what they would.
        aloud: loggers of our own whose infos are said, too.

    Raises:
        ConfigError: ``RUNWIRE_LOG_FORMAT`` names no form.
    """
    form = os.environ.get(_FORMAT) or "logfmt"
    if form not in _RENDERERS:
        raise ConfigError(f"{_FORMAT} is {form!r:.40}: expected {' or '.join(_RENDERERS)}")
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _RENDERERS[form]],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for name in silent:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in aloud:
        logging.getLogger(name).setLevel(logging.INFO)
    structlog.configure(
        processors=[*shared, _RENDERERS[form]],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
