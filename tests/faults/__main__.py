"""``python -m faults``: the long rounds. `make faults` runs it with the paths that it needs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from faults import cluster, plan, report, rounds
from faults.rounds import Outcome

#: Where no terminal says how wide it is.
_WIDTH = 200


def main() -> int:
    """Run the rounds; return 1 if anything was lost, doubled or wrong."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, default=1, help="what happens in them (1)")
    parser.add_argument("--round", type=int, help="only the round of this number")
    parser.add_argument("--json", type=Path, help="write the outcome there")
    parser.add_argument("--keep", action="store_true", help="keep the home, which else stays only if a round fails")
    args = parser.parse_args()
    numbers = range(args.rounds) if args.round is None else [args.round]
    folder = Path(tempfile.mkdtemp(prefix="runwire-faults-"))
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(f"seed {args.seed}, {len(numbers)} rounds, in {folder}")
    outcomes: list[Outcome] = []
    with cluster.started(folder) as its, Progress(console=console, transient=True) as progress:
        console.print(f"the small disk is {its.disk.means}")
        try:
            for number in progress.track(numbers, description="rounds"):
                outcome = rounds.play(plan.make(args.seed, number), its)
                if outcomes:
                    rounds.look_again(its, outcomes[-1])
                outcomes.append(outcome)
                console.print(report.line(outcome))
                for what in report.complaints(outcome):
                    console.print(f"  {what}", markup=False)
        except (TimeoutError, OSError) as error:
            console.print(f"round {number} of seed {args.seed} broke off: {error}", markup=False)
            outcomes.append(Outcome(number, wrong=[str(error)]))
        its.close()
        for outcome in outcomes:
            rounds.look_again(its, outcome)
    console.print(report.table(outcomes))
    console.print(report.summary(outcomes))
    bad = [outcome for outcome in outcomes if not outcome.good]
    for outcome in bad:
        console.print(f"round {outcome.number}, again by: make faults SEED={args.seed} ROUND={outcome.number}")
        for what in report.complaints(outcome):
            console.print(f"  {what}", markup=False)
    if args.json is not None:
        args.json.write_text(json.dumps(report.as_json(args.seed, its.disk.means, outcomes), indent=1))
    if bad or args.keep:
        console.print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
