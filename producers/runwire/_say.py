"""What Runwire has to say in a training process: a line on stderr, through the logger ``runwire``.

The logger has a handler of its own, so a line is not lost where nobody configured logging, and is not said twice
where somebody did. ``logging.getLogger("runwire").setLevel("ERROR")`` silences it.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # takes no type before Python 3.11


class _Stderr(_StreamHandler):
    """Writes to whatever ``sys.stderr`` is at the moment, and never raises."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter("runwire: %(message)s"))

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # a plain attribute in the base class
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the base class's name
        """Stay silent: a closed stderr is no reason to disturb the training."""


logger = logging.getLogger("runwire")
logger.addHandler(_Stderr())
logger.setLevel(logging.INFO)
logger.propagate = False
