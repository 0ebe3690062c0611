"""A short fault round: as the long ones, with one fault of each sort."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import cluster, plan, report, rounds

_KINDS = (
    "fill disk",
    "stale takeover",
    "kill trainer",
    "kill shipper",
    "kill stream",
    "kill kafka",
    "kill clickhouse",
    "freeze alerting",
    "add worker",
)


@pytest.mark.parametrize("seed", [1])
def test_what_was_logged_is_stored_once_to_the_bit_whatever_befalls_the_processes(tmp_path: Path, seed: int) -> None:
    """Points, rollups of each level and ends of series are right, no spool is left, and what was dropped was told."""
    with cluster.started(tmp_path / "faults") as its:
        outcome = rounds.play(plan.make(seed, 0, _KINDS), its)
        rounds.look_again(its, outcome)
    assert not report.complaints(outcome)
    assert outcome.good
    assert outcome.verdict.logged > 20_000
    assert outcome.verdict.dropped > 0
    assert sum(outcome.faults.values()) >= len(_KINDS) - 2, "too many faults found no victim"
