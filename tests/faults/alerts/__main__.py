"""``python -m faults.alerts``: the long round of alerting. `make faults ALERTS=200` runs it with the paths it needs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from faults.alerts import plan, report, rounds, watchers

#: Where no terminal says how wide it is.
_WIDTH = 200


def main() -> int:
    """Run a round; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m faults.alerts", description=__doc__)
    parser.add_argument("--alerts", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=1, help="what happens (1)")
    parser.add_argument("--json", type=Path, help="write the outcome there")
    parser.add_argument("--keep", action="store_true", help="keep the home even if nothing is wrong")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="runwire-faults-"))
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(f"seed {args.seed}, {args.alerts} alerts, in {folder}")
    with watchers.started(folder) as its:
        outcome = rounds.play(plan.make(args.seed, args.alerts), its)
    console.print(report.table(outcome))
    console.print(report.summary(outcome))
    for what in report.complaints(outcome):
        console.print(f"  {what}", markup=False)
    if args.json is not None:
        args.json.write_text(json.dumps(report.as_json(args.seed, outcome), indent=1))
    if args.keep or not outcome.good:
        console.print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
