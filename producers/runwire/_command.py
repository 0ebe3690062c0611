"""The command ``runwire``: ``sync`` is here; all else is the server's, where that is installed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

_EXAMPLES = """\
examples:
  runwire sync                            deliver whatever waits on this host
  runwire sync brisk-otter                ... of this run
  runwire sync --kafka kafka.lan:9092     ... to this Kafka, whatever the runs were told
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["sync"]:
        sys.exit(sync(arguments[1:]))
    if arguments[:1] == ["--version"]:
        import runwire  # noqa: PLC0415 -- only for this

        sys.stdout.write(f"runwire {runwire.__version__}\n")
        return
    for entry in entry_points(group="runwire.cli", name="app"):
        try:
            app = entry.load()
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "runwire":
                raise
            # The command is part of this distribution, what it needs is not installed.
            break
        app(args=arguments, prog_name="runwire")
        return
    what = f"`runwire {arguments[0]}`" if arguments else "The command line beyond `runwire sync`"
    sys.stderr.write(f"{what} needs the server's part: pip install 'runwire[server]'\n")
    sys.exit(2)


def sync(arguments: Sequence[str]) -> int:
    from runwire.errors import RunwireError  # noqa: PLC0415 -- the server's commands need not load the shipper
    from runwire.shipper.sync import sync as deliver  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="runwire sync",
        description="Delivers what runs of this host logged and no pipeline has taken yet, then ends.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", metavar="RUN", nargs="*", help="the id of a run (default: all that wait)")
    parser.add_argument("--home", metavar="DIR", help="where the runs lie (default: RUNWIRE_HOME, else ~/.runwire)")
    parser.add_argument(
        "--kafka",
        metavar="HOST:PORT",
        help="deliver all of it there (default: where each run was told, else RUNWIRE_KAFKA, the config file, "
        "or the home's running `runwire up`)",
    )
    parser.add_argument("--server", metavar="URL", help="upload all files there (default: found in the same way)")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=30.0, help="give up after so long without progress (30)"
    )
    parser.add_argument("--json", action="store_true", help="say the result as one JSON object")
    args = parser.parse_args(arguments)
    try:
        return deliver(args.home, args.kafka, args.server, runs=args.runs, timeout=args.timeout, as_json=args.json)
    except (RunwireError, OSError) as error:
        sys.stderr.write(f"runwire sync: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nrunwire sync: stopped; the rest waits where it was\n")
        return 130
