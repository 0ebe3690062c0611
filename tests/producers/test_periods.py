"""How often an integration logs: what it takes, and what it says to that which it does not; it needs no library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runwire.errors import UsageError
from runwire.integrations._runs import period


@pytest.mark.parametrize("every", [1, 7, np.int64(3)])
def test_a_whole_number_from_one_is_a_period(every: Any) -> None:
    """Of whatever library's integers."""
    assert period(every, "a number") == int(every)


@pytest.mark.parametrize("every", [0, -1, 0.5, 2.0, "epochs", None, np.int64(0)])
def test_what_is_no_period_is_refused(every: Any) -> None:
    """Before a training divides by it, by a sentence that says what to pass."""
    with pytest.raises(UsageError) as raised:
        period(every, "a number of batches")
    assert str(raised.value) == f"every is {every!r}: pass a number of batches"
