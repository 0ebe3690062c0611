"""One cause, one page: the ranks that fail together, what follows from it, and the runs of a host that is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline import FINE, Timeline, event, micros, nan_loss, pulse, told

from runwire_alerting import ranks as sets

RANKS = 1024


def test_a_nan_on_all_ranks_and_the_time_outs_that_follow_are_one_page() -> None:
    """1,024 ranks: the first offender with the values before, all ranks by number, and the cascade of crashes, which
    are recorded and told to nobody.
    """
    line = Timeline()
    line.read(1, *(pulse(1, rank=rank) for rank in range(RANKS)))
    first = nan_loss(100, 1.9, before=[(98, 2.0), (99, 9.5)])
    rest = nan_loss(101, 1.95)
    line.read(2, *(pulse(2, rank=rank, metrics={"loss": first if rank == 7 else rest}) for rank in range(RANKS)))
    line.read(600, *(event(600, "exception", rank=rank, kind="NCCLTimeout") for rank in range(RANKS)))
    line.tick(601)
    [page] = told(line.alerts)
    assert (page.rule, page.rank, page.host, page.step, page.metric) == ("nonfinite", 7, "node-1", 100, "loss")
    assert (page.before, page.ranks) == ([(98, 2.0), (99, 9.5)], "0-1023")
    [nan] = line.watch.book.of("run", "nonfinite", "loss")
    [crash] = line.watch.book.of("run", "crash")
    assert (crash.state, crash.part_of, crash.ranks) == ("firing", nan.id, "0-1023")
    assert nan.cascade == [
        {"id": crash.id, "rule": "crash", "run": "run", "ranks": "0-1023", "caused_at": micros(600)},
    ]


def test_ranks_that_join_later_are_recorded_once_a_second_and_told_to_nobody() -> None:
    """However many join: one record a tick, and none where nobody joined."""
    line = Timeline()
    line.read(1, *(pulse(1, rank=rank) for rank in range(RANKS)))
    for rank in range(RANKS):
        line.read(2, pulse(2, rank=rank, metrics={"loss": nan_loss(100, 1.9)}))
    assert len(line.alerts) == 1
    line.tick(3)
    assert [alert.ranks for alert in line.alerts] == ["0", "0-1023"]
    line.read(4, *(pulse(4, rank=rank, metrics={"loss": nan_loss(101, 3.9)}) for rank in range(RANKS)))
    line.tick(5)
    assert len(line.alerts) == 2
    line.restart()
    line.read(6, pulse(6, rank=RANKS, metrics={"loss": nan_loss(102, 5.9)}))
    line.tick(7)
    assert (line.alerts[-1].ranks, len(line.said)) == ("0-1024", 1)


def test_what_still_stands_after_its_cause_is_over_is_told_then() -> None:
    """The NaN's run is resumed and logs numbers, but a rank of it stays dead: a minute later that is a page."""
    line = Timeline()
    line.read(1, pulse(1), pulse(1, rank=1))
    line.read(2, pulse(2, metrics={"loss": nan_loss(7, 1.9)}))
    line.read(3, event(3, "lost", rank=1))
    line.read(20, pulse(20, attempt=19, metrics={"loss": FINE}))
    for second in range(21, 100):
        line.read(second, pulse(second, attempt=19))
        line.tick(second)
    assert line.said == [("nonfinite", "firing", 1), ("nonfinite", "resolved", 1), ("crash", "firing", 1)]
    assert told(line.alerts)[-1].told_at == micros(80)


def test_a_crash_long_after_a_nan_is_a_page_of_its_own() -> None:
    """What happens hours later did not follow from it."""
    line = Timeline()
    line.read(1, pulse(1, metrics={"loss": nan_loss(7, 0.9)}))
    line.read(7200, pulse(7200), event(7200, "lost"))
    assert line.said == [("nonfinite", "firing", 1), ("crash", "firing", 1)]


def lose(line: Timeline, runs: int, at: int = 0, host: str = "node-1") -> None:
    """Let runs of a host be heard for a while, and then no more."""
    for second in range(at + 1, at + 11):
        line.read(second, *(pulse(second, run=f"run{number}", host=host) for number in range(runs)))
        line.tick(second)
    line.silence(at + 11, at + 80)


def test_all_runs_of_a_lost_host_are_one_page() -> None:
    """Twenty runs: one is told of, with the others in its cascade; as they come back one end is told."""
    line = Timeline()
    lose(line, 20)
    [page] = told(line.alerts)
    [alert] = line.watch.book.of(page.run, "host_lost")
    assert len(alert.cascade) == 19
    for second in range(80, 200):
        line.read(second, *(pulse(second, run=f"run{number}") for number in range(20)))
        line.tick(second)
    assert line.said == [("host_lost", "firing", 1), ("host_lost", "resolved", 1)]
    assert all(alert.state == "resolved" for alert in line.watch.book)


def test_a_run_that_stays_lost_when_its_host_is_back_is_told_of() -> None:
    """The host's other runs are heard again, one is not: it becomes a page, under a name that no receiver had."""
    line = Timeline()
    lose(line, 3)
    [page] = told(line.alerts)
    back = [f"run{number}" for number in range(3) if f"run{number}" != "run2"]
    for second in range(80, 200):
        line.read(second, *(pulse(second, run=run) for run in back))
        line.tick(second)
    assert line.said == [("host_lost", "firing", 1), ("host_lost", "resolved", 1), ("host_lost", "firing", 1)]
    keys = [alert.notice for alert in told(line.alerts)]
    assert len(set(keys)) == 3
    assert page.run in back


def test_workers_that_share_a_hosts_runs_tell_of_it_under_one_name() -> None:
    """At the same moment each may tell: by the same key, so a receiver takes one; who heard of the other's is quiet."""
    here, there, later = Timeline(), Timeline(), Timeline()
    lose(here, 1)
    lose(there, 1)
    [one], [other] = told(here.alerts), told(there.alerts)
    assert one.notice == other.notice
    later.watch.book.hear(one)
    for second in range(1, 11):
        later.read(second, pulse(second, run="another"))
    later.silence(11, 80)
    assert told(later.alerts) == []
    [alert] = later.watch.book.of("another", "host_lost")
    assert (alert.state, alert.part_of) == ("firing", one.id)


def test_a_host_that_is_lost_again_is_another_page() -> None:
    """Under another name, or receivers would take it for the first."""
    line = Timeline()
    lose(line, 2)
    lose(line, 2, at=1000)
    keys = [alert.notice for alert in told(line.alerts)]
    assert len(keys) == len(set(keys))
    assert [state for _, state, _ in line.said] == ["firing", "resolved", "firing"]


@given(st.sets(st.integers(0, 2000)))
def test_sets_of_ranks_come_back_from_their_text(ranks: set[int]) -> None:
    """Whatever the ranks."""
    assert sets.parse(sets.text(ranks)) == ranks


@pytest.mark.parametrize(("ranks", "text"), [((), ""), ((3,), "3"), ((0, 1, 2, 5, 7, 8), "0-2,5,7-8")])
def test_sets_of_ranks_read_as_people_write_them(ranks: tuple[int, ...], text: str) -> None:
    """Runs of numbers as spans."""
    assert sets.text(ranks) == text
