"""What can go wrong in the embedded ClickHouse.

::

    EmbeddedError
    ├── StartError    the program cannot run: the folder or the port is taken, the engine is not installed
    └── EngineError   a query failed, with ClickHouse's code: what a client is told
"""

from __future__ import annotations

import re

from runwire.errors import RunwireError

_CODE = re.compile(r"Code: (\d+)\. ")

# ClickHouse's codes that this program itself raises; the names stand in the messages.
BAD_ARGUMENTS = 36
SYNTAX_ERROR = 62
UNSUPPORTED = 1
READONLY = 164
TOO_MANY_QUERIES = 202
SHUTTING_DOWN = 236
AUTHENTICATION_FAILED = 516

_STATUS = {
    **dict.fromkeys((6, 26, 27, 33, 36, 38, 41, 43, 44, 53, 62, 69, 72, 117, 130, 131, 354, 456, 457), 400),
    **dict.fromkeys((READONLY, 291, 497, AUTHENTICATION_FAILED), 403),
    **dict.fromkeys((16, 46, 47, 50, 60, 73, 81, 115), 404),
    159: 408,
    **dict.fromkeys((UNSUPPORTED, 48), 501),
    **dict.fromkeys((TOO_MANY_QUERIES, SHUTTING_DOWN), 503),
}


class EmbeddedError(RunwireError):
    """The root of this package's errors."""


class StartError(EmbeddedError):
    """The program cannot run; the message says why in one sentence."""


class EngineError(EmbeddedError):
    """A query failed.

    Attributes:
        code: ClickHouse's error code.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @classmethod
    def of(cls, code: int, name: str, message: str) -> EngineError:
        """Return an error of this program's own, in the words in which the engine says its own."""
        return cls(code, f"Code: {code}. DB::Exception: {message}. ({name})")

    @classmethod
    def from_engine(cls, text: str) -> EngineError:
        """Read the engine's text. An error passed on is quoted within another: the innermost code is the cause."""
        codes = _CODE.findall(text)
        return cls(int(codes[-1]) if codes else 0, text)

    @property
    def status(self) -> int:
        """The HTTP status that a ClickHouse server would answer with (500 where nothing better is known)."""
        return _STATUS.get(self.code, 500)
