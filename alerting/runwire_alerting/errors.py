"""What alerting raises; see `runwire.errors` for the tree."""

from __future__ import annotations

from runwire.errors import ConfigError, RunwireError


class AlertingError(RunwireError):
    """The root of what goes wrong in alerting."""


class ReceiverError(AlertingError, ConfigError):
    """A webhook's URL is none that a notice could be posted to."""


class DeclarationError(AlertingError, ConfigError):
    """A file of rules, routes and notifiers holds something that it must not; the message names file and line."""
