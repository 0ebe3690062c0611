"""How answers leave: what JSON has no form for, arrays, and that nothing waits for an acknowledgement."""

from __future__ import annotations

import json
import math
import socket

import numpy as np
import pytest
from starlette.requests import Request

from runwire_server.api import reply
from runwire_server.api.serve import listen


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.array([[1.5, math.nan], [-0.0, 5e-324]]), [[1.5, "NaN"], [-0.0, 5e-324]]),
        (np.array([math.inf, -math.inf, math.nan]), ["Infinity", "-Infinity", "NaN"]),
        (np.arange(6)[::2], [0, 2, 4]),
        (np.zeros((0, 3)), []),
    ],
)
def test_arrays_are_told_as_lists_of_the_same_numbers(array: np.ndarray, told: list[object]) -> None:
    """Whichever way it is written, NaN and infinities are named, and all else is what it was."""
    request = Request({"type": "http", "method": "GET", "headers": []})
    found = json.loads(reply.json(request, {"array": array, "none": None}).body)
    assert found == {"array": told, "none": None}
    assert str(found["array"]) == str(told), "signs of zeros, too"


def test_a_short_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Connections send at once what they have (TCP_NODELAY): else each short answer takes 40 ms more."""
    with listen("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
