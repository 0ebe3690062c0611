"""What programs take of ``wandb.util``."""

from __future__ import annotations

import json
import re
from typing import Any

from runwire._names import new_id
from runwire._values import plain


def generate_id(length: int = 8) -> str:
    """Return an id for a run; it has twelve letters, whatever length is asked for."""
    del length
    return new_id()


def json_dumps_safer(value: Any, **kwargs: Any) -> str:
    """Return a value as JSON; of what is none its text."""
    return json.dumps(plain(value), **kwargs)


def make_artifact_name_safe(name: str) -> str:
    """Return a name with each character that an artifact may not have as ``_``."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)
