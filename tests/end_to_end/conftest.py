"""Who is told of alerts, as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from receiver import Receiver, listening


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A webhook's receiver, of the file's own pipeline."""
    with listening(Receiver()) as told:
        yield told
