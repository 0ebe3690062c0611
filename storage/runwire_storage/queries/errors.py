"""What a question to the store can fail by, though the store is well.

::

    QueryError
    ├── NoSuchRunError      no run is called so
    ├── AmbiguousRunError   several are
    ├── RunningError        the run still runs, and what was asked is for one that does not
    ├── OverError           the run has ended, and what was asked is for one that goes on
    ├── ExpiredError        the run's points are gone, and only its rollups are left
    ├── NoSuchSeriesError   the run has no metric called so, or not on that rank
    ├── NoSuchTableError    the run has logged no table called so, or not there
    ├── NoSuchArtifactError no artifact is called so, or it has no such version or alias
    ├── FilterError         a filter of runs cannot be read (`filter.tokens`)
    └── SqlError            a user's SQL was refused, failed, or asked for too much
"""

from __future__ import annotations

from runwire.errors import UsageError


class QueryError(UsageError):
    """A question that has no answer.

    Attributes:
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class NoSuchRunError(QueryError):
    """No run is called so."""


class AmbiguousRunError(QueryError):
    """Several runs are called so."""


class RunningError(QueryError):
    """The run still runs, and what was asked is for one that does not."""


class OverError(QueryError):
    """The run has ended, and what was asked is for one that goes on."""


class ExpiredError(QueryError):
    """The run's points are gone, and only its rollups are left."""


class NoSuchSeriesError(QueryError):
    """The run has no metric called so, or not on that rank."""


class NoSuchMediaError(QueryError):
    """The run has no media of this name, step and rank."""


class NoSuchAlertError(QueryError):
    """No alert has this id, or several begin so."""


class NoSuchTableError(QueryError):
    """The run has logged no table called so, or not at that step or on that rank."""


class NoSuchArtifactError(QueryError):
    """No artifact is called so, or it has no such version or alias."""


class SqlError(QueryError):
    """A user's SQL was refused, failed, or asked for too much.

    Attributes:
        code: ClickHouse's number for the error; None where the query did not get so far.
    """

    def __init__(self, message: str, hint: str, code: int | None = None) -> None:
        super().__init__(message, hint)
        self.code = code
