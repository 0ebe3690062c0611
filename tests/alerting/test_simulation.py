"""A day of a thousand runs, on an accelerated clock: exactly the alerts that the day's mishaps ask for, each once.

Everything is drawn from one seed: crashes, stalls, NaNs, dead hosts with several runs each, ranks that stand still,
preemptions, restarts by a launcher, crash loops, and a few of each other kind; besides, what must not be told of:
promised pauses, hosts whose clocks are wrong by seconds or hours, all workers killed and started anew again and again,
rebalances, and half an hour in which no worker reads. The workers are what `runwire_alerting.worker` is around its
`Watch`: a new one takes in the alerts that were published, what was kept of its ranks, and the last two minutes of its
partitions, and reads on from what was committed, some of it for the second time.

What is not as in life: a pulse each second of each run would be 86 million. So a run says that its pulses come each
half an hour (``interval``), each second around its own mishaps, and each five or ten while it waits in one; a worker's
clock strikes each ten minutes, and each twenty seconds around mishaps of its runs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from simulated_day import DEAD_HOSTS, FIRES, NANS, RUNS_A_HOST, STALLS, Day
from simulated_workers import simulate
from timeline import told as notices_among

from runwire.wire import Alert
from runwire_alerting.rules import KINDS

SEED = 20


def test_a_day_of_a_thousand_runs_makes_exactly_the_alerts_that_it_asks_for() -> None:
    """None is missing, none comes twice, none is false; and precision and recall are printed by rule."""
    day = Day(SEED)
    alerts = simulate(day, SEED)
    told = transitions(alerts)
    print(*report(day.expected, told), sep="\n")  # noqa: T201 -- what the test is run for by hand
    wrong = {key for key in told.keys() | day.expected.keys() if told.get(key) != day.expected.get(key)}
    assert {key: (told.get(key), day.expected.get(key)) for key in sorted(wrong)} == {}
    notices = Counter((alert.notice, alert.state) for alert in notices_among(alerts))
    assert [notice for notice, count in notices.items() if count > 1] == []
    firing = Counter(rule for rule, _ in told)
    assert KINDS.keys() - firing.keys() == set()
    assert (firing["stalled"], firing["nonfinite"], firing["host_lost"]) == (STALLS, NANS, DEAD_HOSTS * RUNS_A_HOST)


def transitions(alerts: list[Alert]) -> dict[tuple[str, str], list[str]]:
    """Return by rule and run the states that its alerts took; a record that only tells more of a state is none."""
    last: dict[str, tuple[int, str]] = {}
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for alert in alerts:
        if last.get(alert.id) != (alert.episode, alert.state):
            last[alert.id] = alert.episode, alert.state
            told[alert.rule, alert.run].append(alert.state)
    return told


def report(expected: dict[tuple[str, str], list[str]], told: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """Yield a line for each rule: what share of its firings was due, and what share of those due came."""
    for rule in sorted({rule for rule, _ in expected.keys() | told.keys()}):
        keys = [key for key in expected.keys() | told.keys() if key[0] == rule]
        counts = [(expected.get(key, []).count(FIRES), told.get(key, []).count(FIRES)) for key in keys]
        due, came, right = (sum(column) for column in zip(*((*pair, min(pair)) for pair in counts), strict=True))
        yield f"{rule:25} precision {right / max(came, 1):.3f}, recall {right / max(due, 1):.3f} ({due} due)"
