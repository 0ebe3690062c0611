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
from faults import cells, things
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
    parser.add_argument("--plain", action="store_true", help="log rows and tables alone")
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
        page = None if args.plain else things.page(args.seed, call)
        ledger.begin(call)
        if not args.plain:
            say(run, args.seed, call)
        run.log({**values, **table, **({} if page is None else {things.PAGE: runwire.Html(page)})}, step=step)
        ledger.end(call)
        time.sleep(args.pause)
    run.finish()


def say(run: runwire.Run, seed: int, call: int) -> None:
    """Print, and log an artifact, where a call has one."""
    line, content = things.line(seed, call), things.artifact(seed, call)
    if line is not None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if content is not None:
        artifact = runwire.Artifact(things.collection(run.id, run.rank), "known", metadata={"content": content})
        with artifact.new_file("content.txt") as file:
            file.write(content)
        run.log_artifact(artifact)


if __name__ == "__main__":
    main()
