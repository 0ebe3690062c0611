"""The rule for hosts on which a run crashes again and again."""

from __future__ import annotations

from timeline import Timeline, event, pulse


def crashes(line: Timeline, *first: int, ranks: int = 4) -> list[str]:
    """Let attempts crash whose first rank to die is each of ``first``; two ranks a host. Return who is suspected."""
    for number, dead in enumerate(first):
        at = number * 300
        line.read(at + 1, *(pulse(at + 1, attempt=at, rank=rank, host=f"node-{rank // 2}", step=number * 100 + 10)
            for rank in range(ranks)))  # fmt: skip
        order = [dead, *(rank for rank in range(ranks) if rank != dead)]
        line.read(at + 2, *(event(at + 2, "lost", attempt=at, rank=rank) for rank in order))
        line.tick(at + 3)
    return [alert.host for alert in line.alerts if alert.rule == "suspect_node" and alert.state == "firing"]


def test_three_crashes_that_begin_on_one_host_make_it_suspect() -> None:
    """In two of its ranks; once the run has left it that is over."""
    line = Timeline()
    assert crashes(line, 2, 3, 2) == ["node-1"]
    line.read(1000, *(pulse(1000, attempt=999, rank=rank, host="node-0") for rank in range(4)))
    line.tick(1001)
    assert [alert.state for alert in line.alerts if alert.rule == "suspect_node"] == ["firing", "resolved"]


def test_crashes_on_several_hosts_or_of_one_rank_or_on_the_only_host_suspect_none() -> None:
    """One rank that always fails is the program's matter more likely."""
    assert crashes(Timeline(), 2, 1, 2) == []
    assert crashes(Timeline(), 2, 2, 2) == []
    assert crashes(Timeline(), 0, 1, 0, ranks=2) == []


def test_a_run_that_is_silent_takes_no_suspicion_away_and_one_that_lives_there_for_an_hour_does() -> None:
    """Where nothing runs nothing crashes."""
    line = Timeline()
    crashes(line, 2, 3, 2)
    line.read(1000, *(pulse(1000, attempt=999, rank=rank, host=f"node-{rank // 2}") for rank in range(4)))
    line.silence(1001, 6000)
    states = [alert.state for alert in line.alerts if alert.rule == "suspect_node"]
    assert states == ["firing"]
    for second in range(6000, 10_000, 10):
        line.read(second, *(pulse(second, attempt=999, rank=rank, host=f"node-{rank // 2}") for rank in range(4)))
        line.tick(second)
    assert [alert.state for alert in line.alerts if alert.rule == "suspect_node"] == ["firing", "resolved"]
