"""A training process for the tests: logs known data into a run, as fast as it can or at a rate.

python trainer.py --run ID [--rank 0] --seed 1 --rows 1000 [--metrics 10] [--pause SECONDS]
"""

from __future__ import annotations

import argparse
import time

import known

import runwire


def main() -> None:
    """Log the rows that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between rows")
    args = parser.parse_args()
    run = runwire.init(project="tests", id=args.run, rank=args.rank, config={"seed": args.seed})
    for step, values in known.rows(args.seed, args.rows, args.metrics):
        run.log(values, step=step)
        if args.pause:
            time.sleep(args.pause)
    run.finish()


if __name__ == "__main__":
    main()
