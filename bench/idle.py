"""What `runwire up` takes while nobody logs: memory and CPU of each program over a minute."""

from __future__ import annotations

import time

from pipeline import arguments, cpu_seconds, memory_megabytes, pipeline, show


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look")
    args = parser.parse_args()
    with pipeline() as up:
        time.sleep(10)  # start-up work that is still going on is not idling
        processes = up.processes()
        before = {name: cpu_seconds(pid) for name, pid in processes.items()}
        time.sleep(args.seconds)
        rows = [
            (name, memory_megabytes(pid), 100 * (cpu_seconds(pid) - before[name]) / args.seconds)
            for name, pid in processes.items()
        ]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    show("Idle", ("program", "memory, MB", "CPU, % of a core"), rows, args.json)


if __name__ == "__main__":
    main()
