"""What `runwire up` takes while nobody logs: memory and CPU of each program over a minute."""

from __future__ import annotations

import time

from meter import Meter
from pipeline import Figures, arguments, pipeline, show

MEMORY_GOAL = 1200.0
CPU_GOAL = 10.0


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look")
    args = parser.parse_args()
    with pipeline() as up:
        time.sleep(10)  # start-up work that is still going on is not idling
        with Meter(up.programs(), every=args.seconds) as meter:
            time.sleep(args.seconds)
    rows: list[tuple[str, float, float]] = [
        (name, meter.peak[name], 100 * used / meter.seconds) for name, used in meter.cpu.items()
    ]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    rows.append(("goal", MEMORY_GOAL, CPU_GOAL))
    show(args.json, Figures("Idle", ("program", "memory, MB", "CPU, % of a core"), rows))


if __name__ == "__main__":
    main()
