"""A training process of the fault rounds: logs known rows at a rate, from the end of its input on; keeps its ledger.

python trainer.py --run ID --rank 0 --seed 1 --rows 1000 --metrics 8 --start 0 --unrest 0.004 --pause 0.004 --ledger F
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import known

import runwire
from faults import cells
from faults.ledger import Ledger


def main() -> None:
    """Log the rows that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    for name in ("rank", "seed", "rows", "metrics", "start"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("unrest", "pause"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    args = parser.parse_args()
    ledger = Ledger(args.ledger)
    run = runwire.init(project="faults", id=args.run, rank=args.rank, config={"seed": args.seed})
    rows = known.rows(args.seed, args.rows, args.metrics, start=args.start, unrest=args.unrest)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    for call, (step, values) in enumerate(rows, 1):
        cells_of = cells.of(args.seed, call)
        table = {} if cells_of is None else {cells.NAME: runwire.Table(cells.COLUMNS, cells_of)}
        ledger.begin(call)
        run.log({**values, **table}, step=step)
        ledger.end(call)
        time.sleep(args.pause)
    run.finish()


if __name__ == "__main__":
    main()
