"""wandb's errors, as what is raised in their place."""

from runwire.errors import RunwireError as Error
from runwire.errors import UnavailableError as CommError
from runwire.errors import UsageError

__all__ = ["CommError", "Error", "UsageError"]
