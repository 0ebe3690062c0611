"""Every error that Runwire raises on purpose.

::

    RunwireError
    ├── UsageError                 the caller asked for what cannot be had: the message says what to ask for instead
    │   ├── ConfigError            a setting, flag or file holds something that it must not
    │   ├── RunFinishedError       a run was used after finish()
    │   ├── ArtifactNotFoundError  there is no such artifact or version: the message names those that are near
    │   └── UnsupportedError       a name of wandb's, for which Runwire has nothing
    ├── Stopped                    the run was asked to stop, and its settings say that log() then raises this
    ├── UnavailableError           something outside is not there: Kafka, ClickHouse, a disk, the network
    ├── ArtifactDamagedError       files are not what was logged
    └── WireError                  bytes that are not what the contract says

A message says what happened, to what, and what to do about it. Other rooms subclass these.
"""

from __future__ import annotations


class RunwireError(Exception):
    """The root: catching it catches whatever Runwire itself raises."""


class UsageError(RunwireError):
    """What the caller asked for cannot be had."""


class ConfigError(UsageError):
    """A setting, a flag or a file holds something that it must not."""


class RunFinishedError(UsageError):
    """A run was used after it was finished, or before there was one."""


class ArtifactNotFoundError(UsageError):
    """There is no such artifact, or it has no such version or alias."""


class ArtifactDamagedError(RunwireError):
    """Files that should be an artifact's are not as they were logged."""


class UnsupportedError(UsageError, AttributeError):
    """A name of wandb's, for which Runwire has nothing: ``hasattr`` and ``getattr`` with a default see it missing."""


class Stopped(RunwireError):  # noqa: N818 -- it is no error: what was asked for happens
    """Somebody asked the run to stop; raised by the next `log` where the setting ``stop`` is "raise", once.

    It is an `Exception`, so that what a training does at an exception (save, clean up) it does at this one, too.

    ::

        try:
            train(run)
        except runwire.Stopped:
            save(model)

    Attributes:
        by: who asked.
        reason: why; "" if that was not said.
    """

    def __init__(self, message: str, *, by: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.by, self.reason = by, reason


class UnavailableError(RunwireError):
    """Something outside of this program is not there now."""


class WireError(RunwireError):
    """Bytes that are not what the contract of ``runwire.wire`` says."""
