"""The one JSON encoder: NaN stays visible, numbers stay what they are."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.errors import WireError
from runwire.wire.json import dumps, loads, number


def test_non_finite_numbers_are_named_not_null() -> None:
    """NaN and the infinities travel as strings that say what they are."""
    assert dumps({"a": [math.nan, math.inf, {"b": -math.inf}]}) == b'{"a":["NaN","Infinity",{"b":"-Infinity"}]}'


@given(st.floats())
def test_any_float_comes_back_as_the_number_it_was(value: float) -> None:
    """Finite floats keep every bit, -0.0 and subnormals included; NaN stays NaN."""
    back = number(loads(dumps(value)))

    assert math.isnan(back) if math.isnan(value) else struct.pack("<d", back) == struct.pack("<d", value)


@pytest.mark.parametrize("value", ["nan", True, None, [], "1"])
def test_what_stands_for_no_number_is_refused(value: object) -> None:
    """Only numbers and the three names are numbers."""
    with pytest.raises(WireError, match="expected a number"):
        number(value)


def test_what_is_no_plain_data_is_refused_by_an_error_of_ours() -> None:
    """A caller that catches WireError catches every failure to encode."""
    with pytest.raises(WireError, match="cannot be written as JSON"):
        dumps({"a": object()})
    with pytest.raises(WireError, match="cannot be written as JSON"):
        dumps({1: 2})
    with pytest.raises(WireError, match="no JSON"):
        loads(b"{")


def test_null_beside_nan_is_written_as_it_was() -> None:
    """None, NaN and a text that reads null: each comes back as itself."""
    value = {"none": None, "text": "null", "nan": math.nan, "list": (1.0, [-math.inf])}
    assert dumps(value) == b'{"none":null,"text":"null","nan":"NaN","list":[1.0,["-Infinity"]]}'
    assert dumps({"text": "null", "fine": 1.0}) == b'{"text":"null","fine":1.0}'
