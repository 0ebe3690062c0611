"""Points a second from the first log() to the last point queryable, everything on this machine.

Each case has a pipeline of its own. Beside its rate stands that of a bare store: the same points inserted straight into
the same ClickHouse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from feed import Feed, Training
from load import Load, Shape, training
from meter import Meter
from pipeline import Figures, Pipeline, arguments, pipeline, show
from store import Bare, Size, bare, settle, size, stored

TOP = 1_000_000.0
ANY = 150_000.0
RATIO = 1 / 3


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        name: what it is called.
        shape: what is logged.
        points: of each measurement, of all processes together.
        goal: points/s.
        workers: stream workers.
        times: how often it is measured, the same runs going on.
        behind: steps that the runs have behind them, which are not measured.
    """

    name: str
    shape: Shape
    points: int = 4_000_000
    goal: float = ANY
    workers: int = 1
    times: int = 1
    behind: int = 0


HEADLINES = (
    Case("1x10", Shape(), goal=TOP),
    Case("8x10", Shape(processes=8), goal=TOP),
    Case("1x100", Shape(metrics=100), goal=TOP),
    Case("8x100", Shape(processes=8, metrics=100), goal=TOP),
)
CASES = (
    *HEADLINES,
    # How cost grows with runs: 20 metrics each, 4 processes.
    *(Case(f"runs-{4 * runs}", Shape(processes=4, runs=runs, metrics=20)) for runs in (1, 25, 125)),
    # With metrics: one run, which logs all of them in each row.
    *(Case(f"metrics-{metrics}", Shape(metrics=metrics)) for metrics in (1, 1_000, 10_000)),
    # With workers; one is the case 8x10.
    *(Case(f"workers-{workers}", Shape(processes=8), workers=workers) for workers in (2, 4)),
    Case("every-100", Shape(every=100)),
    # With the length of a run: its first, second, … tenth two million points, and those after ten million steps.
    Case("age", Shape(), points=2_000_000, times=10),
    Case("behind", Shape(), points=2_000_000, behind=10_000_000),
)


@dataclass(frozen=True)
class Result:
    """What one measurement gave.

    Attributes:
        name: the case, and which of its times it was.
        case: the case.
        points: how many.
        seconds: from the first log() to the last point queryable.
        bare: what the bare store takes.
        cpu: CPU seconds by program.
        memory: the most that each program took, MB.
        size: what all points of the pipeline take once merged, and how many these are; None if more are to come.
    """

    name: str
    case: Case
    points: int
    seconds: float
    bare: Bare
    cpu: dict[str, float] = field(repr=False)
    memory: dict[str, float] = field(repr=False)
    size: tuple[Size, int] | None

    @property
    def rate(self) -> float:
        """Points a second."""
        return self.points / self.seconds


def measure(up: Pipeline, load: Load, rows: int) -> Meter:
    """Have each run of ``load`` log so many rows; return a meter of the time until all are queryable."""
    with Meter({**up.programs(), "trainers": load.pids}) as meter:
        load.log(rows)
        load.queryable()
    load.logged()
    return meter


def results(case: Case, scale: float) -> Iterator[Result]:
    """Measure a case, with ``scale`` times its points."""
    shape = case.shape
    rows, behind = shape.rows(case.points * scale), round(case.behind * scale)
    with pipeline(workers=case.workers) as up:
        client = up.store()
        if behind:
            _feed(up, behind)
            shape = Shape(metrics=shape.metrics, first=behind)
        with training(up, case.name, shape) as load:
            for number in range(case.times):
                before = load.points
                meter = measure(up, load, rows)
                load.check()
                # Sizes first: the bare store's table would be merged beside them.
                last = number == case.times - 1
                sizes = _sized(up, load.points + behind * shape.series) if last else None
                steps = range(
                    (shape.first + number * rows) * shape.every,
                    (shape.first + (number + 1) * rows) * shape.every,
                    shape.every,
                )
                alone = bare(up, f"{case.name}-", steps, shape.series)
                yield Result(
                    case.name if case.times == 1 else f"{case.name} {number + 1}",
                    case,
                    load.points - before,
                    meter.seconds,
                    alone,
                    meter.cpu,
                    meter.peak,
                    sizes,
                )
                if not last:
                    settle(client)


def _feed(up: Pipeline, steps: int) -> None:
    """Give the run of the case "behind" its past, step by step."""
    names = [f"m{number}" for number in range(10)]
    with Feed(up.kafka) as feed:
        past = Training(feed, "behind-0-0", names)
        past.log_noise(steps)
    client = up.store()
    stored(client, "behind-", len(names), steps - 1, 60 + steps * len(names) / 50_000)
    settle(client)


def _sized(up: Pipeline, points: int) -> tuple[Size, int]:
    client = up.store()
    settle(client)
    return size(client), points


def tables(found: list[Result]) -> list[Figures]:
    """Return what was measured, for people."""
    rates = [
        (
            one.name,
            one.case.shape.processes,
            one.case.shape.processes * one.case.shape.runs,
            one.case.shape.metrics,
            one.case.workers,
            one.points,
            one.seconds,
            one.rate,
            one.case.goal,
            one.bare.plain,
            one.rate / one.bare.plain,
            one.bare.tuned,
            one.rate / one.bare.tuned,
        )
        for one in found
    ]
    programs = list(dict.fromkeys(name for one in found for name in one.cpu))
    costs = [
        (
            one.name,
            *(one.cpu.get(name, 0.0) * 1e6 / one.points for name in programs),
            sum(one.cpu.values()) * 1e6 / one.points,
        )
        for one in found
    ]
    memory = [(one.name, *(one.memory.get(name, 0.0) for name in programs)) for one in found]
    sizes = [
        (one.name, points, taken.points / points, taken.rollups / points, taken.rest / points, taken.parts)
        for one in found
        if one.size
        for taken, points in [one.size]
    ]
    return [
        Figures(
            "Ingest, first log() to last point queryable",
            (
                "case",
                "processes",
                "runs",
                "metrics",
                "workers",
                "points",
                "seconds",
                "points/s",
                "goal",
                "bare store",
                "ratio",
                "bare store, tuned",
                "ratio, tuned",
            ),
            rates,
            "The bare store is the same points, inserted straight into the same ClickHouse, in points/s; tuned is with "
            f"the stream worker's settings of an insert. Goal of the ratio: {RATIO:.2f}.",
        ),
        Figures("CPU seconds a million points", ("case", *programs, "all"), costs),
        Figures("Most memory, MB (PSS)", ("case", *programs), memory),
        Figures(
            "Bytes a point on disk, merged",
            ("case", "points", "points, bytes", "rollups, bytes", "rest, bytes", "parts"),
            sizes,
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    known = {case.name: case for case in CASES}
    parser.add_argument("--case", action="append", choices=known, metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--all", action="store_true", help="all cases; else the first four")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the points")
    args = parser.parse_args()
    chosen = CASES if args.all else [known[name] for name in args.case] if args.case else HEADLINES
    found = []
    for case in chosen:
        for result in results(case, args.scale):
            print(f"{result.name}: {result.rate:,.0f} points/s", flush=True)
            found.append(result)
    show(args.json, *tables(found))


if __name__ == "__main__":
    main()
