"""How long from log() until a query sees the point, at a tenth and at half of the top rate.

Every row that a paced trainer logs tells the time of day as one more metric, `probe`. A reader asks ClickHouse for the
newest one again and again; whatever was logged between two answers became visible with the second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from clickhouse_connect.driver.client import Client
from ingest import measure
from load import Shape, training
from pipeline import Figures, Pipeline, arguments, pipeline, show

GOAL = 1.0
SHARES = (0.1, 0.5)
#: Points by which the top rate is found out.
TOP_POINTS = 4_000_000
#: The reader's pause between two questions, s.
PAUSE = 0.01
#: Log times for which the latency is computed, s apart.
GRID = 0.001
#: What is logged at the beginning is not looked at: caches fill, s.
WARM = 2.0


@dataclass(frozen=True)
class Seen:
    """What the reader saw.

    Attributes:
        answered: when each answer came, seconds since the epoch, of N questions.
        newest: the newest log time that it told, in the same clock.
    """

    answered: list[float]
    newest: list[float]

    def latencies(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return how long it took to be seen for every millisecond in which something was logged."""
        newest = np.array(self.newest)
        logged = np.arange(newest[0] + WARM, newest[-1], GRID)
        return np.array(self.answered)[np.searchsorted(newest, logged)] - logged

    @property
    def pause(self) -> float:
        """Seconds between two answers, in the mean."""
        return (self.answered[-1] - self.answered[0]) / max(1, len(self.answered) - 1)


def watch(client: Client, run: str, seconds: float) -> Seen:
    """Ask for the newest probe of a run for so long."""
    sql = f"SELECT last FROM runwire.series WHERE run = '{run}' AND metric = 'probe' AND rank = 0"
    seen = Seen([], [])
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        found = client.query(sql).result_rows
        if found:
            seen.answered.append(time.time())
            seen.newest.append(found[0][0])
        time.sleep(PAUSE)
    return seen


def top_rate(up: Pipeline) -> float:
    """Return how many points a second one trainer gets through at most."""
    shape = Shape()
    with training(up, "top", shape) as load:
        return TOP_POINTS / measure(up, load, shape.rows(TOP_POINTS)).seconds


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--top", type=float, metavar="POINTS/S", help="the top rate; else it is measured")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each rate is logged up")
    args = parser.parse_args()
    rows = []
    with pipeline() as up:
        top = args.top or top_rate(up)
        for share in SHARES:
            name = f"share-{share:g}"
            shape = Shape(metrics=9, rate=share * top, probe=True)  # and the probe makes ten
            with training(up, name, shape) as load:
                load.log(shape.rows(shape.rate * args.seconds))
                seen = watch(up.store(), f"{name}-0-0", args.seconds)
                logged = load.points / load.logged()
                load.queryable()
                load.check()
            p50, p99, longest = (float(np.quantile(seen.latencies(), part)) for part in (0.5, 0.99, 1.0))
            rows.append((f"{100 * share:g} %", shape.rate, logged, p50, p99, longest, GOAL, seen.pause))
    show(
        args.json,
        Figures(
            f"From log() to queryable, s; the top rate is {top:,.0f} points/s",
            (
                "of the top rate",
                "points/s asked",
                "points/s logged",
                "p50",
                "p99",
                "longest",
                "goal of p99",
                "asked every",
            ),
            rows,
            "One trainer, ten metrics a row, its probe among them. The figures hold the reader's own pause.",
        ),
    )


if __name__ == "__main__":
    main()
