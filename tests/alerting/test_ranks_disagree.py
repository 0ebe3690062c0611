"""The rule for ranks that stand still while others go on."""

from __future__ import annotations

from timeline import Timeline, micros, pulse


def together(
    line: Timeline, begin: int, end: int, *, stuck: tuple[int, ...] = (), at: int = 20, ranks: int = 4
) -> None:
    """Let ranks live; those that are stuck are so since ``at``."""
    for second in range(begin, end):
        line.read(
            second,
            *(
                pulse(second, rank=rank, **({"progressed": at, "step": at * 10} if rank in stuck else {}))
                for rank in range(ranks)
            ),
        )
        line.tick(second)


def test_ranks_that_stop_while_others_go_on_are_named() -> None:
    """Two of four stop at step 200: one alert after a minute, which names both; the first one's next step resolves."""
    line = Timeline()
    together(line, 1, 21)
    together(line, 21, 150, stuck=(2, 3))
    [alert] = line.alerts
    assert (alert.rule, alert.rank, alert.step, alert.fired_at) == ("ranks_disagree", 2, 200, micros(81))
    assert alert.title == "bold-mlp: ranks 2-3 stopped at step 200, others are at 810"
    together(line, 150, 160)
    assert line.said[1:] == [("ranks_disagree", "resolved", 1)]


def test_what_the_rank_behind_causes_is_not_called_a_stall() -> None:
    """Whoever is behind, and all who wait for it later, are one cause."""
    line = Timeline()
    together(line, 1, 21)
    together(line, 21, 100, stuck=(3,))
    for second in range(100, 400):
        line.read(second, *(pulse(second, rank=rank, progressed=20 if rank == 3 else 99, step=200 if rank == 3 else 990)
            for rank in range(4)))  # fmt: skip
        line.tick(second)
    assert line.said == [("ranks_disagree", "firing", 1)]


def test_ranks_that_hang_together_do_not_disagree() -> None:
    """A hang in a collective stops all within some steps: that is a stall, whatever their last steps are."""
    line = Timeline()
    for second in range(1, 200):
        line.read(second, *(pulse(second, rank=rank, progressed=min(second, 20 + rank), step=200 + 10 * rank)
            for rank in range(4)))  # fmt: skip
        line.tick(second)
    assert {alert.rule for alert in line.alerts} == {"stalled"}


def test_a_rank_that_logs_every_hundredth_step_is_not_behind() -> None:
    """Its pauses are its pace."""
    line = Timeline()
    for second in range(1, 1000):
        seldom = pulse(second, rank=1, progressed=second - second % 100, step=second // 100 * 1000,
            step_seconds_max=100.0)  # fmt: skip
        line.read(second, pulse(second), seldom)
        line.tick(second)
    assert line.alerts == []


def test_clocks_that_differ_by_hours_change_nothing() -> None:
    """Each pause is measured by one clock."""
    line = Timeline()
    for second in range(1, 150):
        stuck = {"progressed": min(second, 20) + 7200, "step": min(second, 20) * 10}
        line.read(second, pulse(second), pulse(second + 7200, rank=1, **stuck))
        line.tick(second)
    assert [(alert.rule, alert.rank, alert.fired_at) for alert in line.alerts] == [("ranks_disagree", 1, micros(81))]
