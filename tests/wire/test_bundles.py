from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.errors import WireError
from runwire.wire import Event, Frame, bundle, encode, is_bundle, unbundle

Messages = st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)), max_size=20)


@given(Messages)
def test_messages_come_out_of_a_bundle_as_they_went_in(messages: list[tuple[bytes, bytes]]) -> None:
    value = bundle(messages)
    assert is_bundle(value)
    assert unbundle(value) == messages


@given(Messages, st.data())
def test_a_bundle_that_is_not_whole_is_refused(messages: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Cut off anywhere, or with something behind it: none of its messages is taken for whole."""
    value = bundle(messages)
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    for other in (cut, value + b"x"):
        with pytest.raises(WireError):
            unbundle(other)


@pytest.mark.parametrize("count", [1, 2**31, 2**32 - 1])
def test_a_bundle_that_lies_about_its_count_is_refused(count: int) -> None:
    with pytest.raises(WireError, match=f"{count} messages"):
        unbundle(b"RWB1" + count.to_bytes(4, "little"))


def test_no_other_record_is_taken_for_a_bundle() -> None:
    words = array("d", [0.0]).tobytes()
    frame = encode("run", 0, [Frame(["loss"], 1, [words] * 4)])
    event = Event("start", "run", 0, 1, 1, {}).encode()
    assert not any(map(is_bundle, (b"", b"RWB", frame, event)))
