"""What alerting raises; see `runwire.errors` for the tree."""

from __future__ import annotations

from runwire.errors import ConfigError, RunwireError


class AlertingError(RunwireError):
    """The root of what goes wrong in alerting."""


class ReceiverError(AlertingError, ConfigError):
    """A webhook's URL is none that a notice could be posted to."""


class RulesError(AlertingError, ConfigError):
    """A rules file holds what it must not.

    Attributes:
        problems: each mistake, with file, line and reason.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
