"""What it costs to keep up with a thousand runs that log a row a second, each row a record of its own."""

from __future__ import annotations

import time

from load import Shape, training
from meter import Meter
from pipeline import Figures, arguments, pipeline, show

PROCESSES = 4
CPU_GOAL = 30.0
LAG_GOAL = 1.0


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--metrics", type=int, default=10, help="of a row")
    parser.add_argument("--seconds", type=int, default=60, help="how long they log")
    args = parser.parse_args()
    runs = args.runs // PROCESSES
    shape = Shape(PROCESSES, runs, args.metrics, rate=float(runs * PROCESSES * args.metrics))
    lags: list[tuple[float, float]] = []
    with pipeline() as up, training(up, "tiny", shape) as load:
        client = up.store()
        sql = "SELECT sum(last_step + 1) FROM runwire.series WHERE startsWith(run, 'tiny-')"
        with Meter({**up.programs(), "trainers": load.pids}) as meter:
            began = time.perf_counter()
            load.log(args.seconds)
            while (passed := time.perf_counter() - began) < args.seconds:
                stored = client.query(sql).result_rows[0][0]
                lags.append((passed, passed - stored / shape.rate))
                time.sleep(1)
        load.logged()
        load.queryable()
        load.check()
    halves = [[lag for at, lag in lags if (at >= args.seconds / 2) is second] for second in (False, True)]
    rows = [(name, 100 * used / meter.seconds, meter.peak[name]) for name, used in meter.cpu.items()]
    rows.append(("all but trainers", sum(row[1] for row in rows[:-1]), sum(row[2] for row in rows[:-1])))
    show(
        args.json,
        Figures(
            f"{runs * PROCESSES:,} runs, a row of {args.metrics} metrics a second each",
            ("program", "CPU, % of a core", "most memory, MB"),
            rows,
            f"Goal: at most {CPU_GOAL:g} % of a core. The trainers are {PROCESSES} processes of {runs} runs each, each "
            "run with the thread, the spool and the lock that a process of its own would have.",
        ),
        Figures(
            "How far the store is behind what was logged, s",
            ("", "first half", "second half", "goal"),
            [("longest", max(halves[0]), max(halves[1]), LAG_GOAL)],
            "In the mean over all runs; asking it once a second is part of ClickHouse's CPU.",
        ),
    )


if __name__ == "__main__":
    main()
