"""What the store's rooms raise.

::

    UnavailableError (runwire.errors)   ClickHouse is away, starting, or too busy: the same call may succeed later
    StorageError                        ClickHouse refused: the same call will be refused again
"""

from __future__ import annotations

from runwire.errors import RunwireError


class StorageError(RunwireError):
    """ClickHouse refused what it was asked to do.

    Attributes:
        code: ClickHouse's number for the error; None where it gave none.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code
