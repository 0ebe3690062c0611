"""Reading back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from runwire_faust.strays import home


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True), st.integers(1, 64))
def test_alerting_finds_a_run_where_the_shipper_puts_it(run: str, partitions: int) -> None:
    """The worker that is given a run's pulses takes the run's alerts for its own: both hash the key alike."""
    assert home(run.encode(), partitions) == (murmur2(run.encode()) & 0x7FFFFFFF) % partitions
