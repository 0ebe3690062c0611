"""What can keep the programs of one machine from running."""

from __future__ import annotations

from runwire.errors import UnavailableError, UsageError


class JavaError(UnavailableError):
    """There is no Java, or none that is new enough."""


class JarError(UnavailableError):
    """One of Kafka's jars cannot be had, or is not the one that the lock file names."""


class HomeError(UnavailableError):
    """The home cannot be used: not writable, full, or held by another ``up``."""


class PortError(UsageError):
    """A port is taken."""


class StartError(UnavailableError):
    """A program did not come up."""
