"""Bytes a point on disk once merged, by what the values are and how often they are logged.

The rows go straight to Kafka with the times that a training would have had, a step every 10 ms ± 5 %: to log them at
that pace would take hours, and weeks where a row is a thousand steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from clickhouse_connect.driver.client import Client
from feed import Feed, Training, Values
from numpy.typing import NDArray
from pipeline import Figures, Pipeline, arguments, pipeline, show
from store import settle, size, stored

METRICS = [f"m{number}" for number in range(10)]
#: A pipeline slower than this is taken for stuck, points/s.
RATE_MIN = 20_000
TABLES = ("stored_points", "stored_rollups", "stored_series")
#: How often one looks how many parts there are, s, and how many of the looks are shown.
LOOK_SECONDS = 1.0
SHOWN = 20

#: Values of the given steps, of shape (metrics, rows).
Draw = Callable[[np.random.Generator, NDArray[np.int64]], Values]


def noise(random: np.random.Generator, step: NDArray[np.int64]) -> Values:
    """Return Gaussian noise: nothing in a value tells of the next."""
    return random.normal(size=(len(METRICS), len(step)))


def singles(random: np.random.Generator, step: NDArray[np.int64]) -> Values:
    """Return what a training in float32 logs."""
    return noise(random, step).astype(np.float32).astype(np.float64)


def rounded(random: np.random.Generator, step: NDArray[np.int64]) -> Values:
    """Return noise of four decimals."""
    return np.round(noise(random, step), 4)


def loss(random: np.random.Generator, step: NDArray[np.int64]) -> Values:
    """Return a loss that decays smoothly, with a hundredth of noise, in float64."""
    smooth = 2.5 * np.exp(-step / 100_000) + 0.5
    return np.asarray(smooth * (1 + 0.01 * noise(random, step)), np.float64)


@dataclass(frozen=True)
class Case:
    """What is stored.

    Attributes:
        name: what it is called.
        draw: its values.
        every: steps between two rows.
        points_goal, all_goal: at most so many bytes a point, of the points alone and with rollups.
    """

    name: str
    draw: Draw
    every: int
    points_goal: float | None
    all_goal: float | None


CASES = (
    Case("noise", noise, 1, 8.0, 10.0),
    Case("noise, every 100 steps", noise, 100, 8.0, 10.0),
    Case("noise, every 1,000 steps", noise, 1000, 8.0, 10.0),
    Case("float32", singles, 1, 4.0, None),
    Case("4 decimals", rounded, 1, 4.0, None),
    Case("decaying loss", loss, 1, None, 10.0),
)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--points", type=int, default=4_000_000, help="of each case")
    parser.add_argument(
        "--long", type=int, metavar="POINTS", help="instead, store so many of noise and watch the parts"
    )
    args = parser.parse_args()
    with pipeline() as up:
        if args.long:
            show(args.json, *watch(up, args.long))
        else:
            show(args.json, compare(up, args.points))


def compare(up: Pipeline, points: int) -> Figures:
    """Store each case by itself, and return what it takes."""
    client = up.store()
    rows = []
    for number, case in enumerate(CASES):
        count = points // len(METRICS)
        run = f"case-{number}"
        with Feed(up.kafka) as feed:
            training = Training(feed, run, METRICS, every=case.every)
            training.log(count, lambda step, draw=case.draw, random=training.random: draw(random, step))  # type: ignore[misc]
        _await(client, run, (count - 1) * case.every, points)
        settle(client)
        taken, stands = size(client), count * len(METRICS)
        rows.append(
            (
                case.name,
                stands,
                taken.points / stands,
                case.points_goal,
                taken.rollups / stands,
                (taken.points + taken.rollups) / stands,
                case.all_goal,
                taken.parts,
            )
        )
        for table in TABLES:
            client.command(f"TRUNCATE TABLE runwire.{table}")
    return Figures(
        "Bytes a point on disk, merged",
        ("values", "points", "points, bytes", "goal", "rollups, bytes", "together, bytes", "goal ", "parts"),
        rows,
        "One run of ten metrics, a step every 10 ms ± 5 %.",
    )


def watch(up: Pipeline, points: int) -> list[Figures]:
    """Store many points as fast as may be, and return how many parts there were meanwhile."""
    client = up.store()
    count = points // len(METRICS)
    looks = []
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(_feed, up, count)
        stands = 0
        while stands < count * len(METRICS):
            time.sleep(LOOK_SECONDS)
            if feeding.done():
                feeding.result()
            if time.perf_counter() - began > 60 + points / RATE_MIN:
                raise TimeoutError(f"only {stands} of {points} points are stored")
            stands = _one(client, "SELECT sum(last_step + 1) FROM runwire.series WHERE run = 'long'")
            taken = size(client)
            looks.append(
                (
                    stands,
                    time.perf_counter() - began,
                    taken.parts,
                    _one(client, "SELECT count() FROM system.merges"),
                    _one(client, "SELECT sum(value) FROM system.events WHERE event = 'Merge'"),
                    (taken.points + taken.rollups) / stands if stands else None,
                )
            )
    settle(client)
    taken = size(client)
    last = (
        count * len(METRICS),
        taken.points / points,
        taken.rollups / points,
        (taken.points + taken.rollups) / points,
        10.0,
        max(look[2] for look in looks),
        taken.parts,
    )
    return [
        Figures(
            "While it is stored",
            ("points", "seconds", "active parts", "merges going on", "merges so far", "bytes a point"),
            looks[:: -(-len(looks) // SHOWN)],
            "Active parts of points and rollups; they must stay bounded. Some of the looks, which are a second apart.",
        ),
        Figures(
            "Once merged",
            ("points", "points, bytes", "rollups, bytes", "together, bytes", "goal", "most parts seen", "parts"),
            [last],
        ),
    ]


def _feed(up: Pipeline, rows: int) -> None:
    with Feed(up.kafka) as feed:
        Training(feed, "long", METRICS).log_noise(rows)


def _await(client: Client, run: str, step: int, points: int) -> None:
    stored(client, run, len(METRICS), step, 60 + points / RATE_MIN)


def _one(client: Client, sql: str) -> int:
    return int(client.query(sql).result_rows[0][0])


if __name__ == "__main__":
    main()
