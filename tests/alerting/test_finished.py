"""The rule that tells of runs that have finished."""

from __future__ import annotations

from timeline import Timeline, event, pulse

from runwire_alerting.declarations import Declaration

ASKED = [Declaration(name="finished")]


def end(line: Timeline, at: float, rank: int = 0, ended: str = "finished", attempt: float = 0) -> None:
    """Let a rank end."""
    line.read(at, pulse(at, rank=rank, attempt=attempt, alive=False, ended=ended))
    line.tick(at + 1)


def test_a_run_is_finished_with_the_last_of_its_ranks() -> None:
    """Once; a restarted worker tells it not again, the end of the next attempt is told anew."""
    line = Timeline(given=ASKED)
    line.read(1, pulse(1), pulse(1, rank=1))
    end(line, 2)
    assert line.alerts == []
    end(line, 3, rank=1)
    assert [(alert.rule, alert.severity, alert.title) for alert in line.alerts] == [
        ("finished", "info", "bold-mlp has finished")
    ]
    line.restart()
    end(line, 2)
    end(line, 3, rank=1)
    assert len(line.alerts) == 1
    line.read(10, pulse(10, attempt=9), pulse(10, attempt=9, rank=1))
    end(line, 11, attempt=9)
    end(line, 12, rank=1, attempt=9)
    assert [alert.rule for alert in line.alerts] == ["finished", "finished"]


def test_other_ends_are_not_told_as_that_and_without_a_declaration_nothing_is() -> None:
    """Crashes and interruptions."""
    line = Timeline(given=ASKED)
    line.read(1, pulse(1), event(2, "lost"))
    line.read(1, pulse(1, run="other"))
    line.read(2, pulse(2, run="other", alive=False, ended="interrupted"))
    line.tick(3)
    assert [alert.rule for alert in line.alerts] == ["crash"]
    line = Timeline()
    end(line, 2)
    assert line.alerts == []
